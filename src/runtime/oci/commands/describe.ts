import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { type Features, namespaceTypes, seccompActions, seccompFlags, seccompOperators, type Spec } from '#oci';
import { allCapabilities } from '../../capabilities.ts';
import { maskedPaths, readonlyPaths } from '../../defaults.ts';
import { knownMountOptions } from '../../plan/mount-options.ts';
import type { Command } from '../command.ts';

export const features: Command = {
  about: 'print what this runtime can do, as JSON',
  usage: '',
  flags: {},
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

export const spec: Command = {
  about: 'write a config.json to begin with',
  usage: '',
  flags: { bundle: { kind: 'text', short: 'b', about: 'directory to write it in (default: here)' } },
  run(_context, flags) {
    const file = join(flags.text('bundle') ?? '.', 'config.json');
    try {
      writeFileSync(file, `${JSON.stringify(exampleSpec(), null, 2)}\n`, { flag: 'wx', mode: 0o644 });
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      throw new OrlopError('already-exists', 'RUNTIME_SPEC_EXISTS', `${file} exists already`, { hint: 'remove it first', cause: error });
    }
    return 0;
  },
};

/** A shell in a read-only root, as runc's: everything that a careful person would begin with. */
export function exampleSpec(): Spec {
  const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  const quiet = ['nosuid', 'noexec', 'nodev'];
  return {
    ociVersion: '1.2.1',
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ['sh'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'orlop',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...quiet, 'mode=1777', 'size=65536k'] },
      { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: quiet },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...quiet, 'relatime', 'ro'] },
    ],
    linux: {
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, { type: 'cgroup' }],
      maskedPaths: [...maskedPaths],
      readonlyPaths: [...readonlyPaths],
    },
  };
}
