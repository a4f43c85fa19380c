import { OrlopError } from '#errors';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { snapshotOf, type SnapshotRecord } from './record.ts';

/** Oldest first. */
export function snapshotsOf({ store }: EngineContext, { id }: Pick<ContainerRecord, 'id'>): SnapshotRecord[] {
  return store.metadata.snapshots.ofContainer(id).map(snapshotOf);
}

/** By name, else by the start of its id. Not-found names both. */
export function findSnapshot(context: EngineContext, record: Pick<ContainerRecord, 'id' | 'name'>, name: string): SnapshotRecord {
  const all = snapshotsOf(context, record);
  const byId = all.filter(({ id }) => name.length >= 4 && id.startsWith(name));
  const found = all.find((one) => one.name === name) ?? (byId.length === 1 ? byId[0] : undefined);
  if (found !== undefined) return found;
  throw new OrlopError('not-found', 'ENGINE_SNAPSHOT_NOT_FOUND', `container ${record.name} has no snapshot ${JSON.stringify(name)}`, {
    hint: `see them with: orlop snapshots ${record.name}`,
  });
}

/** A snapshot whose layers are all there. */
export function requireWhole({ store }: EngineContext, record: Pick<ContainerRecord, 'id' | 'name'>, snapshot: SnapshotRecord): void {
  const row = store.metadata.snapshots.ofContainer(record.id).find(({ id }) => id === snapshot.id);
  if (row?.isLost !== true) return;
  throw new OrlopError('data-loss', 'ENGINE_SNAPSHOT_LOST', `files of snapshot ${snapshot.name} of ${record.name} are missing on disk`, {
    hint: `remove it with: orlop snapshot rm ${record.name} ${snapshot.name}`,
  });
}
