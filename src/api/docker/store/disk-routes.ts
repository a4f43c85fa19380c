import { OrlopError } from '#errors';
import { compareVersions, type Exchange, type Route } from '#api/http';
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
    { method: 'GET', path: '/system/df', handle: async (exchange) => exchange.json(200, await diskUsage(backend, exchange)) },
    { method: 'POST', path: '/containers/prune', handle: (exchange) => pruneContainers(disk, exchange) },
    { method: 'POST', path: '/images/prune', handle: (exchange) => pruneImages(disk, exchange) },
  ];
}

const kindsOfObjects = ['container', 'image', 'volume', 'build-cache'] as const;
type KindOfObject = (typeof kindsOfObjects)[number];

/** What was not asked for is null. */
type AskedUsage = { [Key in keyof DockerDiskUsage]: DockerDiskUsage[Key] | (DockerDiskUsage[Key] extends number ? never : null) };

async function diskUsage(backend: StoreBackend, { apiVersion, query }: Exchange): Promise<AskedUsage> {
  const asked = askedOf(apiVersion, query.all('type'));
  const cache = asked.has('build-cache') ? await backend.builds.cache() : undefined;
  const usage = asked.size === 1 && cache !== undefined ? undefined : await backend.disk.usage();
  return {
    LayersSize: usage !== undefined && asked.has('image') ? usage.store.layers.bytes : 0,
    Images: usage !== undefined && asked.has('image') ? imagesOf(backend, usage, apiVersion) : null,
    Containers: usage !== undefined && asked.has('container') ? containersOf(backend, usage, apiVersion) : null,
    Volumes: usage !== undefined && asked.has('volume') ? usage.volumes.map(usedVolumeOf) : null,
    BuildCache: cache?.map(dockerCacheOf) ?? null,
    BuilderSize: cache?.reduce((sum, { sizeBytes, shared }) => sum + (shared ? 0 : sizeBytes), 0) ?? 0,
  };
}

/** All there are unless the client names some, which it may since v1.42. */
function askedOf(apiVersion: string, types: readonly string[]): ReadonlySet<KindOfObject> {
  if (types.length === 0 || compareVersions(apiVersion, '1.42') < 0) return new Set(kindsOfObjects);
  return new Set(types.map((type) => kindsOfObjects.find((kind) => kind === type) ?? refuseKind(type)));
}

function refuseKind(type: string): never {
  throw new OrlopError('invalid-argument', 'DOCKER_BAD_TYPE', `unknown object type: ${type}`, {
    hint: `name ${kindsOfObjects.join(', ')}, or leave type out`,
  });
}

type Usage = Awaited<ReturnType<StoreBackend['disk']['usage']>>;

function imagesOf({ images }: StoreBackend, usage: Usage, apiVersion: string): DockerDiskUsage['Images'] {
  const sizes = new Map(usage.images.map((image) => [image.id, image]));
  return images.list({ all: true }).map((view) => ({
    ...imageSummaryOf(view, apiVersion),
    Containers: view.containers,
    SharedSize: sizes.get(view.id)?.sharedBytes ?? 0,
  }));
}

function containersOf({ containers }: StoreBackend, usage: Usage, apiVersion: string): DockerDiskUsage['Containers'] {
  const now = BigInt(Date.now()) * 1_000_000n;
  const imageSizes = new Map(usage.images.map((image) => [image.id, image.sizeBytes]));
  const sizes = new Map(usage.containers.map((container) => [container.id, container]));
  return containers.list({ all: true }).map((view) => {
    const { writableBytes = 0, imageId = '' } = sizes.get(view.id) ?? {};
    return { ...summaryOf(view, now, apiVersion), SizeRw: writableBytes, SizeRootFs: writableBytes + (imageSizes.get(imageId) ?? 0) };
  });
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
