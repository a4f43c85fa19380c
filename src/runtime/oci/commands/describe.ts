import { type Features, namespaceTypes, seccompActions, seccompFlags, seccompOperators } from '#oci';
import { allCapabilities } from '../../capabilities.ts';
import { knownMountOptions } from '../../plan/mount-options.ts';
import { type Command, none } from '../command.ts';

export const features: Command = {
  about: 'print what this runtime can do, as JSON',
  usage: '',
  flags: {},
  arity: none,
  run(context) {
    context.print(`${JSON.stringify(describeFeatures(context.version), null, 2)}\n`);
    return 0;
  },
};

/** runtime-spec features. */
export function describeFeatures(version: string): Features {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: '1.2.1',
    hooks: ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'],
    mountOptions: knownMountOptions,
    linux: {
      namespaces: namespaceTypes,
      capabilities: allCapabilities,
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: seccompActions,
        operators: seccompOperators,
        archs: process.arch === 'arm64' ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
        knownFlags: seccompFlags,
        supportedFlags: seccompFlags,
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: false },
    },
    annotations: { 'org.orlop.version': version },
  };
}
