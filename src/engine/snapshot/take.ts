import { OrlopError } from '#errors';
import type { SnapshotRequest } from '#wire';
import { isActive } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import { publishContainerEvent, type EngineContext } from '../context.ts';
import { snapshotsOf } from './find.ts';
import { createSnapshotId } from './ids.ts';
import { defaultPattern, nameByPattern, parseSnapshotName } from './names.ts';
import { rowOf, settingsOf, type SnapshotRecord } from './record.ts';
import { fixRoot } from './root.ts';

/** Keeps a container's root and settings as they are now; answers the snapshot's name. conflict when it has one of that name. */
export async function takeSnapshot(
  context: EngineContext,
  ref: string,
  request: SnapshotRequest & { readonly isScheduled?: boolean },
): Promise<string> {
  const container = context.table.find(ref);
  const wanted = request.name === undefined ? undefined : parseSnapshotName(request.name);
  return context.queues.run(container.record.id, async () => {
    requireLasting(container);
    const now = new Date();
    const { record } = container;
    const taken = new Set(snapshotsOf(context, record).map(({ name }) => name));
    const name = wanted ?? nameByPattern(record.snapshots?.pattern ?? defaultPattern, now, (one) => taken.has(one));
    if (taken.has(name)) throw nameTaken(record.name, name);
    const id = createSnapshotId();
    const snapshot: Omit<SnapshotRecord, 'settings'> = {
      id,
      containerId: record.id,
      name,
      comment: request.comment ?? '',
      createdMs: now.getTime(),
      expiresMs: request.expiresInMs === undefined ? null : now.getTime() + request.expiresInMs,
      parent: record.snapshotHead ?? null,
      wasRunning: isActive(record.state.status),
      isScheduled: request.isScheduled === true,
    };
    using lease = context.store.leases.create();
    await fixRoot(context, container, lease, {
      write: (fixed) => context.store.metadata.snapshots.put(rowOf({ ...snapshot, settings: settingsOf(fixed) })),
      next: (before) => ({ ...before, snapshotHead: id }),
    });
    publishContainerEvent(context, container, 'snapshot', { snapshot: name });
    return name;
  });
}

/** One that is being removed has no future, and a step of a build has no past. */
export function requireLasting({ record }: LiveContainer): void {
  if (record.state.status !== 'removing' && record.isStep !== true) return;
  throw new OrlopError('conflict', 'ENGINE_CONTAINER_BUSY', `container ${record.name} is being removed, or belongs to a build`);
}

export function nameTaken(container: string, name: string): OrlopError {
  return new OrlopError('conflict', 'ENGINE_SNAPSHOT_NAME_IN_USE', `container ${container} has a snapshot ${name} already`, {
    hint: `remove it with: orlop snapshot rm ${container} ${name}, or choose another name`,
  });
}
