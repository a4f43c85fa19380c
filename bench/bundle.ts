import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** An OCI bundle that runs `true` in the tar's root file system, in new namespaces, for any OCI runtime. */
export function writeBundle(folder: string, tar: string): string {
  const root = join(folder, 'rootfs');
  if (!existsSync(join(root, 'usr'))) {
    rmSync(root, { recursive: true, force: true });
    mkdirSync(root, { recursive: true });
    const { status, stderr } = spawnSync('tar', ['-xpf', tar, '-C', root], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`cannot unpack ${tar}: ${stderr.trim()}`);
  }
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify(spec, null, 2)}\n`);
  return folder;
}

/** One container's whole life by an OCI runtime's command line, under a name of its own; whatever fails, fails it. */
export function lifeOf(runtime: readonly string[], bundle: string): string[] {
  const script =
    'bundle=$1; shift; id=orlop-bench-$$; "$@" create --bundle "$bundle" "$id" && "$@" start "$id" && "$@" delete --force "$id"';
  return ['sh', '-c', script, 'sh', bundle, ...runtime];
}

/** Directories of containers that have come to their end by `lifeOf`, in any hierarchy. */
export function findLeftCgroups(): string[] {
  const root = '/sys/fs/cgroup';
  const hierarchies = [root, ...readdirSync(root).map((name) => join(root, name))].filter((path) => statSync(path).isDirectory());
  return hierarchies.flatMap((path) => readdirSync(path).flatMap((name) => (/^orlop-bench-\d+$/.test(name) ? [join(path, name)] : [])));
}

const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_SETUID', 'CAP_SETGID'];
const plain = ['nosuid', 'noexec', 'nodev'];

const spec = {
  ociVersion: '1.0.2',
  process: {
    terminal: false,
    user: { uid: 0, gid: 0 },
    args: ['true'],
    env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    noNewPrivileges: true,
  },
  root: { path: 'rootfs', readonly: true },
  hostname: 'bench',
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
    },
    { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...plain, 'mode=1777', 'size=65536k'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: plain },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...plain, 'ro'] },
  ],
  linux: {
    namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
    maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list'],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  },
};
