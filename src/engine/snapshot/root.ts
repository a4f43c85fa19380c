import { openCgroup } from '#runtime';
import type { ChainId, Layer, Lease, RootChange } from '#store';
import { mountPoints } from '../container/changes.ts';
import { chainOf, formatRecord, isActive, type ContainerRecord } from '../container/record.ts';
import type { LiveContainer } from '../container/table.ts';
import type { EngineContext } from '../context.ts';

/**
 * More layers than this on top of the image are merged into one. overlayfs takes 500 (OVL_MAX_STACK), images have up to some 130, and each is looked into for a name that is
 * in none.
 */
export const mostPushedLayers = 64;

/** What a container left on top of its image: layers of snapshots and copies, top first. */
export function pushedLayers({ store }: EngineContext, record: Pick<ContainerRecord, 'chain' | 'image'>): Layer[] {
  const chain = chainOf(record);
  if (chain === record.image.chain || chain === null) return [];
  const ancestry = store.layers.ancestry(chain);
  const end = ancestry.findIndex(({ chainId }) => chainId === record.image.chain);
  return end < 0 ? ancestry : ancestry.slice(0, end);
}

/** Places where a start puts something only to mount over it. */
export function stubsOf({ mounts, request }: Pick<ContainerRecord, 'mounts' | 'request'>): string[] {
  return [...mountPoints, ...mounts.map(({ target }) => target), ...Object.keys(request.tmpfs ?? {})];
}

/** What a container that was frozen has in its root, and what else is to become true with it. */
export interface FixedRoot {
  /** Called in one transaction with what the store writes down. `record`: the container's, as it is from then on. */
  readonly write: (record: ContainerRecord) => void;
  /** The container's record on top of its new root. */
  readonly next: (record: ContainerRecord) => ContainerRecord;
}

/**
 * Makes all that the container has written part of a chain that others can stand on too, and answers that chain. Of one that does not run the writable directory is renamed, and
 * the container goes on on top of it; of one that runs, or whose disk has a size, it is copied while the processes are frozen, and the container goes on as it was.
 * Inside the container's queue.
 */
export async function fixRoot(
  context: EngineContext,
  container: LiveContainer,
  lease: Lease,
  { write, next }: FixedRoot,
): Promise<ChainId | null> {
  const { snapshots } = context.store;
  const before = container.record;
  const chain = chainOf(before);
  const stubs = stubsOf(before);
  const isFull = pushedLayers(context, before).length >= mostPushedLayers;
  if (isActive(before.state.status) || isFull || !snapshots.canPush(before.id)) {
    const layer = await whileFrozen(context, container, (letGo) =>
      isFull ? merge(context, container, lease) : keep(context, container, lease, letGo),
    );
    const fixed = layer === null ? chain : layer.chainId;
    // A merged one takes the place of its many layers as soon as nothing runs on them.
    if (isFull && !isActive(before.state.status) && snapshots.canPush(before.id)) {
      await snapshots.reset(
        before.id,
        fixed,
        changeOf(context, container, (to) => next({ ...before, chain: to }), write),
      );
      container.record = next({ ...before, chain: fixed });
      return fixed;
    }
    commitRecord(context, container, next(before), () => write({ ...before, chain: fixed }));
    return fixed;
  }
  const change = changeOf(context, container, (to) => next({ ...before, chain: to }), write);
  const layer = await snapshots.push(lease, before.id, chain, { ...change, stubs });
  const after = layer === null ? next(before) : next({ ...before, chain: layer.chainId });
  if (layer === null) commitRecord(context, container, after, () => write(after));
  container.record = after;
  return layer === null ? chain : layer.chainId;
}

function keep({ store }: EngineContext, { record }: LiveContainer, lease: Lease, onRead: () => Promise<void>): Promise<Layer | null> {
  return store.snapshots.keep(lease, record.id, chainOf(record), { stubs: stubsOf(record), onRead });
}

/** All that the container has changed in its image as one layer. */
function merge({ store }: EngineContext, { record }: LiveContainer, lease: Lease): Promise<Layer> {
  const { image, id } = record;
  const tar = store.snapshots.diff({ chain: image.chain }, { containerId: id, chain: chainOf(record) });
  return store.layers.apply(lease, tar, { parent: image.chain });
}

/** Of a container that runs, nothing changes meanwhile. An engine that dies here leaves it frozen: the next one lets it go on (`recover.ts`). */
async function whileFrozen<T>(
  context: EngineContext,
  { record }: LiveContainer,
  work: (letGo: () => Promise<void>) => Promise<T>,
): Promise<T> {
  if (record.state.status !== 'running' || record.run === null) return await work(async () => undefined);
  const cgroup = openCgroup(context.cgroups, record.run.cgroup);
  let isFrozen = true;
  const letGo = async (): Promise<void> => {
    if (isFrozen) await cgroup.thaw();
    isFrozen = false;
  };
  await cgroup.freeze();
  try {
    return await work(letGo);
  } finally {
    await letGo();
  }
}

/** The database's half of a change of root; the record in memory follows when all of it has come about. */
export function changeOf(
  context: EngineContext,
  container: LiveContainer,
  recordOn: (chain: ChainId | null) => ContainerRecord,
  also: (record: ContainerRecord) => void,
): RootChange {
  const { containers, snapshots } = context.store.metadata;
  const put = (record: ContainerRecord): void => {
    containers.update(record.id, { record: formatRecord(record), chain: chainOf(record), image: record.image.manifest });
  };
  const known = new Set(snapshots.ofContainer(container.record.id).map(({ id }) => id));
  return {
    commit(chain) {
      const record = recordOn(chain);
      also(record);
      put(record);
    },
    undo() {
      for (const { id } of snapshots.ofContainer(container.record.id)) if (!known.has(id)) snapshots.remove(id);
      put(container.record);
    },
  };
}

function commitRecord(context: EngineContext, container: LiveContainer, record: ContainerRecord, also: () => void): void {
  const { metadata } = context.store;
  metadata.transaction(() => {
    also();
    metadata.containers.update(record.id, { record: formatRecord(record) });
  });
  container.record = record;
}
