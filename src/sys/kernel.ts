import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { isErrno } from '#errors';
import { withErrno } from './errno.ts';
import { readMountinfo, type Mount } from './mountinfo.ts';

export interface KernelRelease {
  readonly major: number;
  readonly minor: number;
  /** `6.18.44-fc` as uname(2) has it. */
  readonly text: string;
}

export function parseKernelRelease(text: string): KernelRelease {
  const [, major, minor] = /^([0-9]+)\.([0-9]+)/.exec(text) ?? [];
  return { major: Number(major ?? 0), minor: Number(minor ?? 0), text };
}

export function kernelRelease(): KernelRelease {
  return parseKernelRelease(release());
}

export function isAtLeast(kernel: KernelRelease, major: number, minor: number): boolean {
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}

/** Whether this kernel and host let root make user namespaces (user_namespaces(7)). */
export function userNamespacesEnabled(): boolean {
  const limit = readOptional('/proc/sys/user/max_user_namespaces');
  return limit !== undefined && Number(limit) > 0;
}

/** File systems that the kernel knows now; a module may still be loaded for others. */
export function knownFileSystems(): string[] {
  const path = '/proc/filesystems';
  return withErrno(path, () => readFileSync(path, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(line.indexOf('\t') + 1));
}

/** Where the cgroup hierarchies are mounted: facts only, the runtime decides what to do with them. */
export interface CgroupMounts {
  /** Mount point of cgroup2, or null. With v1 hierarchies beside it the layout is hybrid. */
  readonly unified: string | null;
  /** Controllers that cgroup2's root offers to children; none of them on most hybrid hosts. */
  readonly unifiedControllers: readonly string[];
  /** Mount points of v1 controllers, `memory`, `cpu`, …; controllers mounted together share one. A named hierarchy is `name=systemd`. */
  readonly legacy: ReadonlyMap<string, string>;
}

/** The v1 controllers, as they stand among a cgroup mount's options. */
const legacyControllers: ReadonlySet<string> = new Set([
  'blkio',
  'cpu',
  'cpuacct',
  'cpuset',
  'devices',
  'freezer',
  'hugetlb',
  'memory',
  'misc',
  'net_cls',
  'net_prio',
  'perf_event',
  'pids',
  'rdma',
]);

/** Tells one run of the kernel from another (proc_sys_kernel(5), random/boot_id). */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** The first mount of each hierarchy whose root is the hierarchy's own, or as near to it as this process's cgroup namespace lets it see. */
export function findCgroupMounts(mounts: readonly Mount[], readControllers: (mountPoint: string) => string): CgroupMounts {
  const legacy = new Map<string, string>();
  let unified: string | null = null;
  for (const mount of mounts) {
    if (mount.fstype === 'cgroup2') unified ??= mount.mountPoint;
    if (mount.fstype !== 'cgroup') continue;
    for (const option of mount.superOptions) {
      const named = legacyControllers.has(option) || option.startsWith('name=');
      if (named && !legacy.has(option)) legacy.set(option, mount.mountPoint);
    }
  }
  const controllers = unified === null ? '' : readControllers(unified);
  return { unified, unifiedControllers: controllers.split(/\s+/).filter((name) => name !== ''), legacy };
}

export function readCgroupMounts(): CgroupMounts {
  return findCgroupMounts(readMountinfo(), (mountPoint) => readOptional(`${mountPoint}/cgroup.controllers`) ?? '');
}

function readOptional(path: string): string | undefined {
  try {
    return withErrno(path, () => readFileSync(path, 'utf8')).trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** This process has the host's own users, all of them: only there can device nodes be made (user_namespaces(7)). */
export function inInitialUsers(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}

/** How many ids from 0 on this process's user namespace has, of users and groups alike; null on the host itself, which has all. */
export function ownIds(): number | null {
  if (inInitialUsers()) return null;
  return Math.min(...['uid_map', 'gid_map'].map((map) => countFromRoot(readFileSync(`/proc/self/${map}`, 'utf8'))));
}

/** Lines are "first inside, first outside, count" (user_namespaces(7)). Pure. */
export function countFromRoot(map: string): number {
  const lines = map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  let end = 0;
  for (const [first = 0, , count = 0] of lines.sort(([one = 0], [other = 0]) => one - other)) if (first === end) end += count;
  return end;
}
