import { mkdirSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import * as k from '#sys';
import { type Addon, type Mount, openInRoot, readMountinfo } from '#sys';
import { isShifted } from '../id-ranges.ts';
import { allIds, formatOwnerMap, type OwnerRange } from './owner-map.ts';
import { setPropagation } from './propagation.ts';
import type { ResolvedMount } from './resolved-mount.ts';

export interface SourceFacts {
  readonly addon: Addon;
  /** null: the container has the host's users. */
  readonly range: OwnerRange | null;
  /** Owners are left as they are on the host: of use for what everybody may read. */
  readonly asIs?: boolean;
}

/**
 * A bind's or volume's content as a detached mount, with everything that the mount asks for but its place. `path` is the host's. The caller closes it. Fails with
 * invalid-argument or not-found naming the path, failed-precondition `ENGINE_MOUNT_OWNERS` when owners cannot be mapped.
 */
export function openSourceMount(facts: SourceFacts, mount: ResolvedMount, path: string): number {
  const { addon } = facts;
  const recursive = mount.recursive === true ? k.AT_RECURSIVE : 0;
  const descriptor = cloneSource(addon, mount, path, recursive);
  try {
    setPropagation(addon, descriptor, mount, facts.range !== null);
    if (facts.asIs !== true) mapOwners(facts, descriptor, mount, path);
    if (mount.readOnly) {
      const below = mount.shallowReadOnly === true ? 0 : recursive;
      addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | below, BigInt(k.MOUNT_ATTR_RDONLY), 0n, 0n, -1);
    }
    return descriptor;
  } catch (error) {
    addon.close(descriptor);
    throw error;
  }
}

function cloneSource(addon: Addon, mount: ResolvedMount, path: string, recursive: number): number {
  if (mount.createSource === true) makeSource(path);
  try {
    if (mount.subpath === undefined) return addon.openTree(k.AT_FDCWD, path, k.OPEN_TREE_CLONE | recursive);
    return cloneBelow(addon, path, mount.subpath);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    throw sourceMissing(mount, path, error);
  }
}

/** Docker's mode. A file or a link that is there is left alone. */
function makeSource(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/** Links in a volume lead nowhere else: they are followed as in a root of its own. */
function cloneBelow(addon: Addon, path: string, subpath: string): number {
  const top = addon.openat2(k.AT_FDCWD, path, k.O_PATH | k.O_DIRECTORY, 0, 0);
  try {
    const inside = openInRoot(addon, top, subpath, k.O_PATH);
    try {
      return addon.openTree(inside, '', k.AT_EMPTY_PATH | k.OPEN_TREE_CLONE);
    } finally {
      addon.close(inside);
    }
  } finally {
    addon.close(top);
  }
}

/** Owners on disk are those that the container sees: without ids of its own nothing needs to be done, unless somebody else is to be its root. */
function mapOwners({ addon, range }: SourceFacts, descriptor: number, mount: ResolvedMount, path: string): void {
  const { uid, gid } = mount;
  const given = uid !== undefined || gid !== undefined;
  if (!given && !isShifted(range)) return;
  const ids = range ?? allIds;
  const users = addon.userNamespace(formatOwnerMap(ids, uid), formatOwnerMap(ids, gid));
  const map = (target: number, flags: number): void =>
    addon.mountSetattr(target, '', k.AT_EMPTY_PATH | flags, BigInt(k.MOUNT_ATTR_IDMAP), 0n, 0n, users);
  try {
    map(descriptor, mount.recursive === true ? k.AT_RECURSIVE : 0);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM')) throw error;
    // devtmpfs cannot be mapped, and a node such as /dev/null is of use to everybody as it is.
    if (!given && isDevice(addon, descriptor)) return;
    const culprit = unmappable(addon, path, map, mount.recursive === true);
    if (!given && culprit?.isBelow === false && kernelsOwn.has(culprit.fstype)) return;
    throw cannotMap(mount, path, culprit, error);
  } finally {
    addon.close(users);
  }
}

/** File systems that show the kernel and hold no files: nobody's owners are mapped there, and a container sees of them what any user of the host does. */
const kernelsOwn: ReadonlySet<string> = new Set([
  'proc',
  'sysfs',
  'cgroup',
  'cgroup2',
  'devtmpfs',
  'devpts',
  'mqueue',
  'debugfs',
  'tracefs',
  'securityfs',
  'pstore',
  'bpf',
  'configfs',
  'efivarfs',
  'fusectl',
  'binfmt_misc',
  'hugetlbfs',
  'selinuxfs',
  'smackfs',
  'autofs',
  'rpc_pipefs',
  'nsfs',
  'resctrl',
]);

function isDevice(addon: Addon, descriptor: number): boolean {
  return (addon.fstatat(descriptor, '', k.AT_EMPTY_PATH).mode & k.S_IFMT) === k.S_IFCHR;
}

interface Unmappable {
  readonly mountPoint: string;
  readonly fstype: string;
  readonly isBelow: boolean;
}

/**
 * A recursive bind as one mount for each file system below its source, which is what can be done where one of them cannot be mapped: `mount_setattr(2)` maps a whole tree or none of it,
 * and no part of a detached one. The first is the source's own.
 */
export function piecesOf(mount: ResolvedMount): ResolvedMount[] {
  // The table of mounts knows no links.
  const path = realpathSync(mount.source);
  const places = new Set(mountsBelow(path).map(({ mountPoint }) => mountPoint));
  const { createSource: _made, ...rest } = mount;
  const below = [...places].map((source) => ({
    ...rest,
    source,
    target: posix.join(mount.target, posix.relative(path, source)),
    recursive: false,
    readOnly: mount.readOnly && mount.shallowReadOnly !== true,
  }));
  return [{ ...rest, recursive: false }, ...below];
}

function mountsBelow(path: string): readonly Mount[] {
  return readMountinfo().filter(({ mountPoint }) => mountPoint.startsWith(path === '/' ? '/' : `${path}/`) && mountPoint !== path);
}

/** Which of the mounts at and below the path refuses. */
function unmappable(addon: Addon, given: string, map: (target: number, flags: number) => void, recursive: boolean): Unmappable | null {
  // The table of mounts knows no links.
  const path = realpathSync(given);
  const table = readMountinfo();
  for (const { mountPoint, fstype } of recursive ? mountsBelow(path) : []) {
    if (!canMap(addon, mountPoint, map)) return { mountPoint, fstype, isBelow: true };
  }
  const holders = table.filter(({ mountPoint }) => mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`));
  const holder = holders.toSorted((one, other) => one.mountPoint.length - other.mountPoint.length).at(-1);
  return holder === undefined ? null : { mountPoint: holder.mountPoint, fstype: holder.fstype, isBelow: false };
}

function canMap(addon: Addon, mountPoint: string, map: (target: number, flags: number) => void): boolean {
  try {
    const clone = addon.openTree(k.AT_FDCWD, mountPoint, k.OPEN_TREE_CLONE);
    try {
      map(clone, 0);
      return true;
    } finally {
      addon.close(clone);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return true;
    if (isErrno(error, 'EINVAL', 'EPERM')) return false;
    throw error;
  }
}

function cannotMap({ source, target }: ResolvedMount, path: string, culprit: Unmappable | null, cause: unknown): OrlopError {
  const where = culprit === null ? path : `${culprit.mountPoint} (${culprit.fstype})`;
  const hint = 'run with --userns host, where owners need not be mapped';
  const message = `${source} cannot be mounted on ${target} with the container's owners: the file system of ${where} does not support it`;
  return new OrlopError('failed-precondition', 'ENGINE_MOUNT_OWNERS', message, { hint, cause });
}

function sourceMissing({ type, source, subpath }: ResolvedMount, path: string, cause: unknown): OrlopError {
  if (subpath === undefined && type === 'volume') {
    const message = `the content of volume ${source} is missing: there is no directory ${path}`;
    return new OrlopError('data-loss', 'ENGINE_VOLUME_LOST', message, { hint: 'bring it back, or remove the volume', cause });
  }
  if (subpath === undefined) return bindSourceMissing(path, cause);
  return new OrlopError(
    'not-found',
    'ENGINE_MOUNT_SOURCE',
    `cannot access ${subpath} in ${type} ${source}: there is no such file or directory`,
    {
      hint: 'subpaths are not made: create it first',
      cause,
    },
  );
}

/** Docker's words. */
export function bindSourceMissing(path: string, cause?: unknown): OrlopError {
  const message = `invalid mount config for type "bind": bind source path does not exist: ${path}`;
  return new OrlopError('invalid-argument', 'ENGINE_MOUNT_SOURCE', message, { hint: 'create it, or correct the mount', cause });
}
