import { type Features, namespaceTypes, seccompActions, seccompFlags, seccompOperators } from '#oci';
import { allCapabilities } from '../../capabilities.ts';
import { memoryPolicyFlags, memoryPolicyModes } from '../../plan/memory-policy.ts';
import { listMountOptions } from '#sys';
import { type Command, none } from '../command.ts';
import { specVersion } from '../spec-version.ts';

export const features: Command = {
  about: 'show the enabled features',
  usage: '',
  description: 'What this runtime can do, whatever this host can, as JSON (runtime-spec features).',
  flags: {},
  arity: none,
  run(context) {
    context.print(`${JSON.stringify(describeFeatures(context.version), null, 4)}\n`);
    return 0;
  },
};

/** runtime-spec features. Lists are sorted, as runc's are. */
export function describeFeatures(version: string, arch: string = process.arch): Features {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: specVersion,
    hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
    mountOptions: listMountOptions(),
    linux: {
      namespaces: namespaceTypes.toSorted(),
      capabilities: allCapabilities,
      // A user's own systemd is for rootless containers, which we do not run.
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: seccompActions.toSorted(),
        operators: seccompOperators.toSorted(),
        archs: arch === 'arm64' ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] : ['SCMP_ARCH_X32', 'SCMP_ARCH_X86', 'SCMP_ARCH_X86_64'],
        knownFlags: seccompFlags.toSorted(),
        supportedFlags: seccompFlags.toSorted(),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: memoryPolicyModes, flags: memoryPolicyFlags },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: { 'org.orlop.version': version, 'org.orlop.checkpoint.enabled': 'false' },
    // With --systemd-cgroup they set any property of the container's unit, "ExecStopPost" among them.
    potentiallyUnsafeConfigAnnotations: ['org.systemd.property.'],
  };
}
