import type {
  CopyRequest,
  CopyResult,
  PathChange,
  PublishRequest,
  RebuildRequest,
  SnapshotRequest,
  SnapshotSchedule,
  SnapshotScheduleChange,
  SnapshotView,
} from '#wire';
import { fromByteText } from '#store';
import { chainOf } from '../container/record.ts';
import { leaveOut } from '../container/changes.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { findSnapshot, requireWhole, snapshotsOf } from './find.ts';
import { parseSnapshotName } from './names.ts';
import { rowOf, type SnapshotRecord } from './record.ts';
import { removeSnapshot } from './remove.ts';
import { restoreSnapshot } from './restore.ts';
import { pushedLayers } from './root.ts';
import { changeSchedule } from './schedule.ts';
import { nameTaken, takeSnapshot } from './take.ts';
import { backupContainer, restoreBackup } from './backup.ts';
import { copyContainer } from './copy.ts';
import { publishContainer } from './publish.ts';
import { rebuildContainer } from './rebuild.ts';

/** `ref` is a container; `name` one of its snapshots, or the start of its id. Unknown: not-found. */
export interface SnapshotVerbs {
  /** Answers its name. conflict when there is one of that name. */
  take(ref: string, request: SnapshotRequest): Promise<string>;
  /** Oldest first. */
  list(ref: string): SnapshotView[];
  /** What the container wrote since goes, its settings are as they were; name, networks and mounts stay. conflict when it runs, unless `restart`. */
  restore(ref: string, name: string, options: { readonly restart?: boolean }): Promise<void>;
  rename(ref: string, name: string, to: string): Promise<void>;
  /** `expiresAtNs` null: it stays. */
  change(ref: string, name: string, change: { readonly comment?: string; readonly expiresInMs?: number | null }): Promise<void>;
  /** Those made on top of it stay. */
  remove(ref: string, name: string): Promise<void>;
  /** What differs from a snapshot to another, or to the container as it is now. */
  changes(ref: string, name: string, to?: string): Promise<PathChange[]>;
  schedule(ref: string): SnapshotSchedule | null;
  /** Another container with the root and the settings of this one, or of a snapshot of it. conflict when its name is taken. */
  copy(ref: string, request: CopyRequest): Promise<CopyResult>;
  /** Puts it on another image, with its settings, networks and mounts. conflict when it runs, unless `restart`. */
  rebuild(ref: string, request: RebuildRequest): Promise<void>;
  /** The container with its snapshots as one archive. */
  backup(ref: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Makes a container of such an archive. invalid-argument for another one. */
  restoreBackup(
    source: AsyncIterable<Uint8Array>,
    options: { readonly name?: string; readonly signal: AbortSignal },
  ): Promise<{ id: string; name: string }>;
  /** An image of it; answers its id. */
  publish(ref: string, request: PublishRequest, signal?: AbortSignal): Promise<string>;
  /** Answers what holds from now on. */
  setSchedule(ref: string, change: SnapshotScheduleChange): Promise<SnapshotSchedule>;
}

export function createSnapshotVerbs(context: EngineContext): SnapshotVerbs {
  return {
    take: (ref, request) => takeSnapshot(context, ref, request),
    list: (ref) => listSnapshots(context, ref),
    restore: (ref, name, options) => restoreSnapshot(context, ref, name, options),
    rename: (ref, name, to) => renameSnapshot(context, ref, name, to),
    change: (ref, name, change) => changeSnapshot(context, ref, name, change),
    remove: (ref, name) => removeSnapshot(context, ref, name),
    changes: (ref, name, to) => snapshotChanges(context, ref, name, to),
    schedule: (ref) => context.table.find(ref).record.snapshots ?? null,
    copy: (ref, request) => copyContainer(context, ref, request),
    rebuild: (ref, request) => rebuildContainer(context, ref, request),
    backup: (ref, signal) => backupContainer(context, ref, signal),
    restoreBackup: (source, options) => restoreBackup(context, source, options),
    publish: (ref, request, signal) => publishContainer(context, ref, request, signal),
    setSchedule: (ref, change) => changeSchedule(context, ref, change),
  };
}

function listSnapshots(context: EngineContext, ref: string): SnapshotView[] {
  const { record } = context.table.find(ref);
  const all = snapshotsOf(context, record);
  const names = new Map(all.map(({ id, name }) => [id, name]));
  return all.map((one) => ({
    id: one.id,
    name: one.name,
    createdAtNs: BigInt(one.createdMs) * 1_000_000n,
    comment: one.comment,
    expiresAtNs: one.expiresMs === null ? null : BigInt(one.expiresMs) * 1_000_000n,
    parent: one.parent === null ? null : (names.get(one.parent) ?? null),
    isCurrent: record.snapshotHead === one.id,
    wasRunning: one.wasRunning,
    isScheduled: one.isScheduled,
    sizeBytes: sizeOf(context, one),
    imageName: one.settings.image.name,
  }));
}

function sizeOf(context: EngineContext, { settings }: SnapshotRecord): number {
  try {
    return pushedLayers(context, settings)[0]?.size ?? 0;
  } catch {
    // Its layers are lost, which `system check` tells.
    return 0;
  }
}

async function renameSnapshot(context: EngineContext, ref: string, name: string, to: string): Promise<void> {
  const container = context.table.find(ref);
  const wanted = parseSnapshotName(to);
  await context.queues.run(container.record.id, async () => {
    const snapshot = findSnapshot(context, container.record, name);
    if (snapshot.name === wanted) return;
    if (snapshotsOf(context, container.record).some((one) => one.name === wanted)) throw nameTaken(container.record.name, wanted);
    context.store.metadata.snapshots.put(rowOf({ ...snapshot, name: wanted }));
    publishContainerEvent(context, container, 'snapshot-rename', { snapshot: wanted, oldName: snapshot.name });
  });
}

async function changeSnapshot(
  context: EngineContext,
  ref: string,
  name: string,
  { comment, expiresInMs }: { readonly comment?: string; readonly expiresInMs?: number | null },
): Promise<void> {
  const container = context.table.find(ref);
  await context.queues.run(container.record.id, async () => {
    const snapshot = findSnapshot(context, container.record, name);
    const expiresMs = expiresInMs === undefined ? snapshot.expiresMs : expiresInMs === null ? null : Date.now() + expiresInMs;
    context.store.metadata.snapshots.put(rowOf({ ...snapshot, expiresMs, comment: comment ?? snapshot.comment }));
  });
}

async function snapshotChanges(context: EngineContext, ref: string, name: string, to: string | undefined): Promise<PathChange[]> {
  const { record } = context.table.find(ref);
  const from = findSnapshot(context, record, name);
  requireWhole(context, record, from);
  const other = to === undefined ? undefined : findSnapshot(context, record, to);
  if (other !== undefined) requireWhole(context, record, other);
  const after = other === undefined ? { containerId: record.id, chain: chainOf(record) } : { chain: chainOf(other.settings) };
  const changes = await context.store.snapshots.changesBetween({ chain: chainOf(from.settings) }, after, { leaveOut });
  return changes.map(({ path, kind }) => ({ path: Buffer.from(fromByteText(path)).toString('utf8'), kind }));
}
