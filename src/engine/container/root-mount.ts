import { join } from 'node:path';
import type { Snapshot } from '#store';
import { AT_EMPTY_PATH, AT_FDCWD, idmappedView, MOUNT_ATTR_IDMAP, mountOverlayRoot, OPEN_TREE_CLONE } from '#sys';
import type { EngineContext } from '../context.ts';
import { isShifted } from '../id-ranges.ts';
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
  const base = ready.view ?? context.dataRootDescriptor;
  if (!isShifted(ready.idRange)) return mountSnapshot(context, snapshot, { base, usernsFd: null, first: 0 }, isVolatile(record));
  // Overlays over the view need no namespace, and opening one takes its time.
  using users = snapshot.driver === 'native' || snapshot.disk !== null ? openUsers(context, ready) : null;
  const owners = { base, usernsFd: users?.descriptor ?? null, first: ready.idRange.first };
  return await mountSnapshot(context, snapshot, owners, isVolatile(record));
}

/** The root of a container that does not run, with the owners that it sees: for the engine's own reading and writing. `volatile`: nobody waits for the disk. */
export function mountUnmapped(context: EngineContext, snapshot: Snapshot, { volatile = false } = {}): Promise<number> {
  return mountSnapshot(context, snapshot, { base: context.dataRootDescriptor, usernsFd: null, first: 0 }, volatile);
}

/** Lost with the host, it was to go anyway. */
function isVolatile(record: ContainerRecord): boolean {
  return record.request.autoRemove === true || (record.isStep === true && record.stays !== true);
}

interface Owners {
  /** The data root, or its view that maps owners. */
  readonly base: number;
  /** What maps owners; null: they stay as they are on disk. */
  readonly usernsFd: number | null;
  /** The host's id of the container's root. */
  readonly first: number;
}

async function mountSnapshot(
  context: EngineContext,
  snapshot: Snapshot,
  { base, usernsFd, first }: Owners,
  volatile: boolean,
): Promise<number> {
  const { addon } = context;
  await using disk = await context.store.snapshots.openDisk(snapshot);
  // A mount that nothing has been done with yet can be mapped itself.
  if (disk !== null && usernsFd !== null)
    addon.mountSetattr(disk.descriptor, '', AT_EMPTY_PATH, BigInt(MOUNT_ATTR_IDMAP), 0n, 0n, usernsFd);
  if (snapshot.driver === 'native') {
    // A whole copy is its own root; in a disk of its own it is the disk's.
    const path = join(context.dataRoot, snapshot.upper);
    if (disk !== null) return addon.dup(disk.descriptor);
    return usernsFd === null ? addon.openTree(AT_FDCWD, path, OPEN_TREE_CLONE) : idmappedView(addon, path, usernsFd);
  }
  return await mountOverlayRoot(addon, {
    base,
    lower: snapshot.lower,
    upper: { directory: snapshot.upper, work: snapshot.work, ...(disk === null ? {} : { disk: disk.descriptor }) },
    volatile,
    fsuid: first,
    fsgid: first,
    way: context.overlayWay,
  });
}

export function openUsers(context: EngineContext, ready: ReadySandbox): Disposable & { readonly descriptor: number } {
  const descriptor = ready.sandbox.openNamespace('user');
  return { descriptor, [Symbol.dispose]: () => context.addon.close(descriptor) };
}
