import { OrlopError } from '#errors';
import type { Exchange, Route } from '#api/http';
import { parseDuration, parseTime, toSeconds, type DiskView, type DockerDiskUsage, type PruneFilter, type Pruned } from '#wire';
import type { StoreBackend } from './backend.ts';

/** `/system/df`, `/images/prune`, `/containers/prune`. */
export function diskRoutes({ disk }: StoreBackend): Route[] {
  return [
    { method: 'GET', path: '/system/df', handle: async (exchange) => exchange.json(200, diskUsageOf(await disk.usage())) },
    { method: 'POST', path: '/containers/prune', handle: (exchange) => pruneContainers(disk, exchange) },
    { method: 'POST', path: '/images/prune', handle: (exchange) => pruneImages(disk, exchange) },
  ];
}

export function diskUsageOf({ images, containers, store }: DiskView): DockerDiskUsage {
  const sizes = new Map(images.map(({ id, sizeBytes }) => [id, sizeBytes]));
  return {
    LayersSize: store.layers.bytes + store.blobs.bytes,
    Images: images.map((image) => ({
      Id: image.id,
      ParentId: '',
      RepoTags: [...image.names],
      RepoDigests: [],
      Created: toSeconds(image.createdAtNs),
      Size: image.sizeBytes,
      SharedSize: image.sharedBytes,
      Labels: null,
      Containers: image.containers,
    })),
    Containers: containers.map(({ id, name, imageId, writableBytes, running }) => ({
      Id: id,
      Names: [`/${name}`],
      ImageID: imageId,
      State: running ? 'running' : 'exited',
      SizeRw: writableBytes,
      SizeRootFs: writableBytes + (sizes.get(imageId) ?? 0),
    })),
    Volumes: [],
    BuildCache: [],
    BuilderSize: 0,
  };
}

async function pruneContainers(disk: StoreBackend['disk'], exchange: Exchange): Promise<void> {
  const { filter } = decodeFilter(exchange, []);
  const { removed, freedBytes } = await disk.pruneContainers(filter);
  exchange.json(200, { ContainersDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: freedBytes });
}

/** Without `dangling=false` only images that have no name go. */
async function pruneImages(disk: StoreBackend['disk'], exchange: Exchange): Promise<void> {
  const { filter, others } = decodeFilter(exchange, ['dangling']);
  const named = (others['dangling'] ?? []).some((value) => value === 'false' || value === '0');
  const pruned = await disk.pruneImages({ ...filter, named });
  exchange.json(200, { ImagesDeleted: deletedOf(pruned), SpaceReclaimed: pruned.freedBytes });
}

function deletedOf({ untagged, removed }: Pruned): object[] | null {
  const all = [...untagged.map((name) => ({ Untagged: name })), ...removed.map((id) => ({ Deleted: id }))];
  return all.length === 0 ? null : all;
}

function decodeFilter(
  exchange: Exchange,
  more: readonly string[],
): { readonly filter: PruneFilter; readonly others: Readonly<Record<string, readonly string[]>> } {
  const { until, label, 'label!': notLabel, ...others } = exchange.query.filters();
  const unknown = Object.keys(others).find((name) => !more.includes(name));
  if (unknown !== undefined) throw new OrlopError('invalid-argument', 'DOCKER_BAD_FILTER', `invalid filter '${unknown}'`);
  const moment = until?.[0];
  const filter: PruneFilter = {
    ...(moment === undefined ? {} : { beforeNs: momentOf(moment) }),
    ...(label === undefined ? {} : { labels: label }),
    ...(notLabel === undefined ? {} : { notLabels: notLabel }),
  };
  return { filter, others };
}

/** A time, or how long ago: `24h`. */
function momentOf(text: string): bigint {
  const age = parseDuration(text);
  return age === null ? parseTime(text) : BigInt(Date.now()) * 1_000_000n - age;
}
