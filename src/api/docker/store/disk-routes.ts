import type { Exchange, Route } from '#api/http';
import type { DockerDiskUsage, Pruned } from '#wire';
import { dockerCacheOf } from '../build/routes.ts';
import { summaryOf } from '../containers/view.ts';
import { imageSummaryOf } from '../images/view.ts';
import { decodePruneFilter } from '../prune-filter.ts';
import { usedVolumeOf } from '../volumes/view.ts';
import type { StoreBackend } from './backend.ts';

/** `/system/df`, `/images/prune`, `/containers/prune`. */
export function diskRoutes(backend: StoreBackend): Route[] {
  const { disk } = backend;
  return [
    { method: 'GET', path: '/system/df', handle: async (exchange) => exchange.json(200, await diskUsage(backend, exchange.apiVersion)) },
    { method: 'POST', path: '/containers/prune', handle: (exchange) => pruneContainers(disk, exchange) },
    { method: 'POST', path: '/images/prune', handle: (exchange) => pruneImages(disk, exchange) },
  ];
}

async function diskUsage({ builds, containers, disk, images }: StoreBackend, apiVersion: string): Promise<DockerDiskUsage> {
  const usage = await disk.usage();
  const cache = await builds.cache();
  const now = BigInt(Date.now()) * 1_000_000n;
  const imageSizes = new Map(usage.images.map((image) => [image.id, image]));
  const containerSizes = new Map(usage.containers.map((container) => [container.id, container]));
  return {
    LayersSize: usage.store.layers.bytes,
    Images: images.list({ all: true }).map((view) => ({
      ...imageSummaryOf(view, apiVersion),
      Containers: view.containers,
      SharedSize: imageSizes.get(view.id)?.sharedBytes ?? 0,
    })),
    Containers: containers.list({ all: true }).map((view) => {
      const { writableBytes = 0, imageId = '' } = containerSizes.get(view.id) ?? {};
      return {
        ...summaryOf(view, now, apiVersion),
        SizeRw: writableBytes,
        SizeRootFs: writableBytes + (imageSizes.get(imageId)?.sizeBytes ?? 0),
      };
    }),
    Volumes: usage.volumes.map(usedVolumeOf),
    BuildCache: cache.map(dockerCacheOf),
    BuilderSize: cache.reduce((sum, { sizeBytes, shared }) => sum + (shared ? 0 : sizeBytes), 0),
  };
}

async function pruneContainers(disk: StoreBackend['disk'], exchange: Exchange): Promise<void> {
  const { filter } = decodePruneFilter(exchange, []);
  const { removed, freedBytes } = await disk.pruneContainers(filter);
  exchange.json(200, { ContainersDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: freedBytes });
}

/** Without `dangling=false` only images that have no name go. */
async function pruneImages(disk: StoreBackend['disk'], exchange: Exchange): Promise<void> {
  const { filter, others } = decodePruneFilter(exchange, ['dangling']);
  const named = (others['dangling'] ?? []).some((value) => value === 'false' || value === '0');
  const pruned = await disk.pruneImages({ ...filter, named });
  exchange.json(200, { ImagesDeleted: deletedOf(pruned), SpaceReclaimed: pruned.freedBytes });
}

function deletedOf({ untagged, removed }: Pruned): object[] | null {
  const all = [...untagged.map((name) => ({ Untagged: name })), ...removed.map((id) => ({ Deleted: id }))];
  return all.length === 0 ? null : all;
}
