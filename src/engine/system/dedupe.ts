import { existsSync } from 'node:fs';
import { isOrlopError } from '#errors';
import type { LinkedFiles } from '#store';
import type { Dedupe } from '#wire';
import { isActive } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';
import { fixRoot, mostPushedLayers, pushedLayers } from '../snapshot/root.ts';

/**
 * Has equal files of all layers and of these containers (null: of all), running or not, share their blocks on disk. Where the file system cannot share blocks, equal files of layers become one file, and what containers
 * that do not run have written becomes a layer for that. not-found for a name that is none.
 */
export async function dedupe(context: EngineContext, refs: readonly string[] | null, signal?: AbortSignal): Promise<Dedupe> {
  const { store, table } = context;
  const meant = refs === null ? table.all() : refs.map((ref) => table.find(ref));
  const isApart = (id: string): boolean => !existsSync(store.containerDirectory(id, 'upper'));
  const together = meant.filter(({ record }) => !isApart(record.id));
  const apart = namesOf(meant.filter((container) => !together.includes(container)));
  try {
    const shared = await store.shareFiles({
      containers: together.map(({ record }) => record.id),
      ...(signal === undefined ? {} : { signal }),
    });
    return { ...shared, way: 'blocks', savedCacheBytes: 0, apart, running: [] };
  } catch (error) {
    if (!isOrlopError(error) || error.code !== 'STORE_CANNOT_SHARE') throw error;
    const linked = await link(context, together, signal);
    return { ...linked, way: 'links', apart, running: namesOf(together.filter(({ record }) => isActive(record.state.status))) };
  }
}

function link(context: EngineContext, meant: readonly LiveContainer[], signal: AbortSignal | undefined): Promise<LinkedFiles> {
  const atRest = new Map<string, LiveContainer>(
    meant.flatMap((container) => (canBePushed(context, container) ? [[container.record.id, container]] : [])),
  );
  const push = async (id: string): Promise<boolean> => {
    const container = atRest.get(id);
    return container !== undefined && pushOne(context, container);
  };
  return context.store.linkFiles({ containers: [...atRest.keys()], push, signal });
}

/** Makes what a container has written a layer, as a snapshot does, but for nobody. */
function pushOne(context: EngineContext, container: LiveContainer): Promise<boolean> {
  const { id } = container.record;
  return context.queues.run(id, async () => {
    if (context.table.get(id) !== container || !canBePushed(context, container)) return false;
    using lease = context.store.leases.create();
    await fixRoot(context, container, lease, { write: () => undefined, next: (record) => record });
    return true;
  });
}

function canBePushed(context: EngineContext, { record }: LiveContainer): boolean {
  const isAtRest = ['created', 'exited'].includes(record.state.status) && record.isStep !== true && record.making !== true;
  return isAtRest && context.store.snapshots.canPush(record.id) && pushedLayers(context, record).length < mostPushedLayers;
}

function namesOf(containers: readonly LiveContainer[]): string[] {
  return containers.map(({ record }) => record.name);
}
