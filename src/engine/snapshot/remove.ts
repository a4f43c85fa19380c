import { publishContainerEvent, saveRecord, type EngineContext } from '../context.ts';
import { collectLeftLayers } from './collect.ts';
import { findSnapshot, snapshotsOf } from './find.ts';
import { rowOf } from './record.ts';

/** Its children are its parent's from then on. */
export async function removeSnapshot(context: EngineContext, ref: string, name: string): Promise<void> {
  const container = context.table.find(ref);
  await context.queues.run(container.record.id, async () => {
    const { store } = context;
    const { record } = container;
    const snapshot = findSnapshot(context, record, name);
    const children = snapshotsOf(context, record).filter(({ parent }) => parent === snapshot.id);
    const { snapshotHead: head, ...headless } = record;
    store.metadata.transaction(() => {
      for (const child of children) store.metadata.snapshots.put(rowOf({ ...child, parent: snapshot.parent }));
      store.metadata.snapshots.remove(snapshot.id);
      if (head === snapshot.id)
        saveRecord(context, container, snapshot.parent === null ? headless : { ...headless, snapshotHead: snapshot.parent });
    });
    publishContainerEvent(context, container, 'snapshot-remove', { snapshot: snapshot.name });
  });
  collectLeftLayers(context);
}
