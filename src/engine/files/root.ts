import { constants, openSync } from 'node:fs';
import { isErrno } from '#errors';
import { S_IFDIR, S_IFMT, withErrno, type FileFacts } from '#sys';
import { isActive } from '../container/record.ts';
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
    return range === null ? opened(descriptor, 0, 2 ** 32 - 1) : opened(descriptor, range.first, range.count);
  }
  const snapshot = await context.store.snapshots.locate(record.id, record.image.chain);
  return opened(await mountUnmapped(context, snapshot), 0, 2 ** 32 - 1);
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
