import { constants, openSync, readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { S_IFDIR, S_IFMT, withErrno, type FileFacts } from '#sys';
import { chainOf, isActive, type ContainerRecord } from '../container/record.ts';
import { mountUnmapped } from '../container/root-mount.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';

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
    const path = `/proc/${record.state.pid}/root`;
    const descriptor = withErrno(path, () => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
    const range = record.run?.idRange ?? null;
    const root = range === null ? opened(descriptor, 0, 2 ** 32 - 1) : opened(descriptor, range.first, range.count);
    if (isOfContainer(record)) return root;
    root[Symbol.dispose]();
    throw new OrlopError('conflict', 'ENGINE_CONTAINER_NOT_RUNNING', `container ${record.name} has just ended`, { hint: 'try again' });
  }
  const snapshot = await context.store.snapshots.locate(record.id, chainOf(record));
  return opened(await mountUnmapped(context, snapshot), 0, 2 ** 32 - 1);
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
