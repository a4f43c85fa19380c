import { readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { AT_FDCWD, O_DIRECTORY, O_PATH, S_IFDIR, S_IFMT, readMountinfo, type Addon, type FileFacts, type Mount } from '#sys';
import { chainOf, isActive, type ContainerRecord } from '../container/record.ts';
import { mountUnmapped } from '../container/root-mount.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { boundingSet } from '../spec/build-spec.ts';

/** A container's tree from outside: what is mounted in it included while it runs. Disposing closes it. */
export interface ContainerRoot extends Disposable {
  readonly descriptor: number;
  /** Where the container's owner 0 is for us, and how many there are: its mounts map owners to its range while it runs. */
  readonly first: number;
  readonly count: number;
}

export async function openContainerRoot(context: EngineContext, { record }: LiveContainer): Promise<ContainerRoot> {
  const { addon } = context;
  const opened = (descriptor: number, first: number, count: number): ContainerRoot => ({
    descriptor,
    first,
    count,
    [Symbol.dispose]: () => addon.close(descriptor),
  });
  if (isActive(record.state.status)) {
    const descriptor = openRunningRoot(addon, record);
    const range = record.run?.idRange ?? null;
    const root = range === null ? opened(descriptor, 0, 2 ** 32 - 1) : opened(descriptor, range.first, range.count);
    if (isOfContainer(record)) return root;
    root[Symbol.dispose]();
    throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_RUNNING', `container ${record.name} has just ended`, { hint: 'try again' });
  }
  const snapshot = await context.store.snapshots.locate(record.id, chainOf(record));
  return opened(await mountUnmapped(context, snapshot), 0, 2 ** 32 - 1);
}

/** The root of a container's first process: a descriptor (O_PATH), which asks no file system anything. The caller closes it. */
export function openRunningRoot(addon: Addon, { state }: Pick<ContainerRecord, 'state'>): number {
  return addon.openat2(AT_FDCWD, `/proc/${state.pid}/root`, O_PATH | O_DIRECTORY, 0, 0);
}

/**
 * Whether it may have mounted in its root whatever it likes, a file system of its own that does not answer among it. Who waits for that in this thread, or in one of libuv's few, holds up
 * all others, and cannot be ended.
 */
export function mayMount({ cgroups }: Pick<EngineContext, 'cgroups'>, record: ContainerRecord): boolean {
  return boundingSet(record, cgroups, true).includes('CAP_SYS_ADMIN');
}

/** Whether its files are in such a file system perhaps, its own or one of the host's: `pid` is of its first process. */
export function mayHang(context: Pick<EngineContext, 'cgroups'>, record: ContainerRecord, pid = record.state.pid): boolean {
  return mayMount(context, record) || mountsOf(pid).some(({ fstype }) => distant.test(fstype));
}

/** Answered by a server, not by the kernel. lxcfs, which is the engine's own, is asked first whether it answers. */
const distant = /^(fuse(\.(?!lxcfs$).*)?|nfs4?|cifs|smb3|9p|ceph|afs|autofs|lustre|gfs2|ocfs2|coda|orangefs|virtiofs)$/;

/** None of a process that has just ended. */
function mountsOf(pid: number): readonly Mount[] {
  try {
    return readMountinfo(pid);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return [];
    throw error;
  }
}

/** Looked at after the root was opened: a process id that the kernel has given to somebody else by then would have led into a stranger's tree. */
function isOfContainer({ state, run }: ContainerRecord): boolean {
  try {
    return run !== null && readFileSync(`/proc/${state.pid}/cgroup`, 'utf8').includes(`/${run.cgroup}`);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

/** The owner as the container sees it; one that it does not know is nobody. */
export function insideId(root: ContainerRoot, id: number): number {
  const inside = id - root.first;
  return inside >= 0 && inside < root.count ? inside : 65534;
}

export function isDirectory({ mode }: FileFacts): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

export function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP');
}
