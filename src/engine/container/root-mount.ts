import { join } from 'node:path';
import type { Snapshot } from '#store';
import { AT_EMPTY_PATH, AT_FDCWD, idmappedView, MOUNT_ATTR_IDMAP, mountOverlayRoot, OPEN_TREE_CLONE, type OpenDisk } from '#sys';
import type { EngineContext } from '../context.ts';
import type { ReadySandbox } from '../sandbox-pool.ts';
import { settleDiskSize } from './disk-limit.ts';
import type { ContainerRecord } from './record.ts';

export interface RootParts {
  readonly record: ContainerRecord;
  readonly ready: ReadySandbox;
  readonly snapshot: Snapshot;
}

/** What the container will see as its root, detached, with the owners of its range. It keeps the disk of limited size that it stands on, if there is one. */
export async function mountRoot(context: EngineContext, { record, ready, snapshot }: RootParts): Promise<number> {
  if (record.request.storageOptions !== undefined) await settleDiskSize(context, record);
  await using disk = await context.store.snapshots.openDisk(snapshot);
  if (disk !== null) mapDisk(context, ready, disk);
  // In a disk of its own a whole copy is the disk's root.
  if (snapshot.driver === 'native') return disk === null ? bindWholeCopy(context, ready, snapshot) : context.addon.dup(disk.descriptor);
  const first = ready.idRange?.first ?? 0;
  return await mountOverlayRoot(context.addon, {
    base: ready.view ?? context.dataRootDescriptor,
    lower: snapshot.lower,
    upper: { directory: snapshot.upper, work: snapshot.work, ...(disk === null ? {} : { disk: disk.descriptor }) },
    volatile: record.request.autoRemove === true,
    fsuid: first,
    fsgid: first,
    way: context.overlayWay,
  });
}

/** A mount that nothing has been done with yet can be mapped itself. */
function mapDisk(context: EngineContext, ready: ReadySandbox, disk: OpenDisk): void {
  if (ready.idRange === null) return;
  using users = openUsers(context, ready);
  context.addon.mountSetattr(disk.descriptor, '', AT_EMPTY_PATH, BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, users.descriptor);
}

/** A snapshot that is a whole copy is its own root: a mount of that directory, with the owners of the container's range. */
function bindWholeCopy(context: EngineContext, ready: ReadySandbox, { upper }: Snapshot): number {
  const path = join(context.dataRoot, upper);
  if (ready.idRange === null) return context.addon.openTree(AT_FDCWD, path, OPEN_TREE_CLONE);
  using users = openUsers(context, ready);
  return idmappedView(context.addon, path, users.descriptor);
}

export function openUsers(context: EngineContext, ready: ReadySandbox): Disposable & { readonly descriptor: number } {
  const descriptor = ready.sandbox.openNamespace('user');
  return { descriptor, [Symbol.dispose]: () => context.addon.close(descriptor) };
}
