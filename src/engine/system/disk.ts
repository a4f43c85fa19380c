import { isUntagged } from '#image';
import { familiarReference, parseReference } from '#oci';
import { isActive, type ContainerRecord } from '../container/record.ts';
import { removeContainer } from '../container/remove.ts';
import type { EngineContext } from '../context.ts';
import { volumeUsage } from '../volume/volumes.ts';
import { pushedLayers } from '../snapshot/root.ts';
import { hasLabel } from '../labels.ts';
import type { DiskView, PruneFilter, Pruned } from '../model.ts';

/** Where the data root's bytes are: each image and container, then what they share, and what nothing needs. */
export async function diskView(context: EngineContext): Promise<DiskView> {
  const { store, images, table } = context;
  const all = images.list();
  const sharing = new Map<string, number>();
  for (const { layers } of all) for (const { chainId } of layers) sharing.set(chainId, (sharing.get(chainId) ?? 0) + 1);
  const used = new Set(table.all().map(({ record }) => record.image.id));
  const sizeOf = (chainId: Parameters<typeof store.layers.get>[0]): number => store.layers.get(chainId)?.size ?? 0;
  const containers: DiskView['containers'][number][] = [];
  for (const { record } of table.all()) {
    const size = await store.snapshots.usage(record.id).catch(() => ({ bytes: 0 }));
    containers.push({
      id: record.id,
      name: record.name,
      imageId: record.image.id,
      writableBytes: size.bytes + pushedLayers(context, record).reduce((sum, layer) => sum + layer.size, 0),
      running: isActive(record.state.status),
    });
  }
  return {
    images: all.map((image) => ({
      id: image.id,
      names: image.names.filter((name) => !isUntagged(name)).map((name) => familiarReference(parseReference(name))),
      createdAtNs: image.createdNs,
      sizeBytes: image.sizeBytes,
      sharedBytes: image.layers.reduce((sum, { chainId }) => sum + ((sharing.get(chainId) ?? 0) > 1 ? sizeOf(chainId) : 0), 0),
      packedBytes: image.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
      containers: table.all().filter(({ record }) => record.image.id === image.id).length,
      used: used.has(image.id),
    })),
    containers,
    volumes: await volumeUsage(context),
    store: await store.diskUsage(),
  };
}

/** Removes containers that do not run. */
export async function pruneContainers(context: EngineContext, filter: PruneFilter): Promise<Pruned> {
  const doomed = context.table.all().filter(({ record }) => !isActive(record.state.status) && fits(record, filter));
  const removed: string[] = [];
  let freedBytes = 0;
  for (const { record } of doomed) {
    const { bytes } = await context.store.snapshots.usage(record.id).catch(() => ({ bytes: 0 }));
    try {
      await removeContainer(context, record.id, {});
    } catch {
      // Started, or removed by somebody else, in the meantime: then it is not ours to remove.
      continue;
    }
    removed.push(record.id);
    freedBytes += bytes;
  }
  return { removed, untagged: [], freedBytes };
}

/** Removes images that no container uses: those without a name, or all. Then what nothing needs. */
export async function pruneImages(context: EngineContext, filter: PruneFilter & { readonly named: boolean }): Promise<Pruned> {
  const { images, table } = context;
  const used = new Set(table.all().map(({ record }) => record.image.id));
  const doomed = images.list().filter((image) => {
    const isNamed = image.names.some((name) => !isUntagged(name));
    const facts = { createdAtNs: image.createdNs, labels: image.config.config?.Labels ?? {} };
    return !used.has(image.id) && (filter.named || !isNamed) && fits(facts, filter);
  });
  // All at once: what one no longer needs another may, and looking for that takes as long for one as for all.
  const { deleted, untagged, freedBytes } = await images.removeAll(doomed);
  const gone = new Set<string>(deleted);
  for (const { id } of doomed) if (gone.has(id)) context.events.publish({ type: 'image', action: 'delete', id, attributes: { name: id } });
  return { removed: [...deleted], untagged: [...untagged], freedBytes };
}

function fits({ createdAtNs, labels }: Pick<ContainerRecord, 'createdAtNs' | 'labels'>, filter: PruneFilter): boolean {
  if (filter.beforeNs !== undefined && createdAtNs >= filter.beforeNs) return false;
  const has = (wanted: string): boolean => hasLabel(labels, wanted);
  return (filter.labels ?? []).every(has) && !(filter.notLabels ?? []).some(has);
}
