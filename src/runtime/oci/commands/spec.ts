import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Spec } from '#oci';
import { detectCgroupLayout } from '../../cgroups/layout.ts';
import { readonlyPaths } from '../../defaults.ts';
import { type Command, none } from '../command.ts';
import { specVersion } from '../spec-version.ts';

export const spec: Command = {
  about: 'create a new specification file',
  usage: '',
  description: 'Writes a config.json to begin with: a shell in a read-only root.',
  flags: {
    bundle: { kind: 'text', short: 'b', about: 'path to the root of the bundle directory' },
    rootless: { kind: 'flag', about: 'for a container in a user namespace of its own' },
  },
  arity: none,
  run(_context, flags) {
    const directory = flags.text('bundle') || '.';
    if (!existsSync(directory))
      throw new OrlopError('not-found', 'RUNTIME_BUNDLE_MISSING', `chdir ${directory}: no such file or directory`);
    const example = flags.flag('rootless') ? rootlessSpec(exampleSpec()) : exampleSpec();
    try {
      writeFileSync(join(directory, 'config.json'), JSON.stringify(example, null, '\t'), { flag: 'wx', mode: 0o666 });
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      throw new OrlopError('already-exists', 'RUNTIME_SPEC_EXISTS', 'File config.json exists. Remove it first', { cause: error });
    }
    return 0;
  },
};

/** runc's own, so that whoever edits it with a script finds what they look for. */
export function exampleSpec(): Spec {
  const capabilities = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE'];
  const quiet = ['nosuid', 'noexec', 'nodev'];
  // Containers of cgroup2 are told of their own part only; on v1 their mounts show nothing else anyway.
  const cgroup = detectCgroupLayout().mode === 'v2' ? [{ type: 'cgroup' } as const] : [];
  return {
    ociVersion: specVersion,
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
    hostname: 'runc',
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
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, ...cgroup],
      maskedPaths: ['acpi', 'asound', 'kcore', 'keys', 'latency_stats', 'timer_list', 'timer_stats', 'sched_debug']
        .map((name) => `/proc/${name}`)
        .concat('/sys/firmware', '/proc/scsi'),
      readonlyPaths,
    },
  };
}

/** In a user namespace of its own, with the caller's network and the host's sysfs, which only that network's owner could mount. */
export function rootlessSpec(spec: Spec): Spec {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const { resources: _resources, namespaces = [], ...linux } = spec.linux ?? {};
  const mounts = (spec.mounts ?? []).map((mount) => {
    const options = (mount.options ?? []).filter((option) => !option.startsWith('gid=') && !option.startsWith('uid='));
    if (mount.destination !== '/sys') return { ...mount, ...(mount.options === undefined ? {} : { options }) };
    return { ...mount, type: 'none', source: '/sys', options: ['rbind', ...options] };
  });
  return {
    ...spec,
    mounts,
    linux: {
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...namespaces.filter(({ type }) => type !== 'network' && type !== 'user'), { type: 'user' }],
      ...linux,
    },
  };
}
