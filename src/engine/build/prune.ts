import { OrlopError } from '#errors';
import type { ChainId } from '#store';
import type { BuildCacheView, BuildPruneOptions, Pruned } from '#wire';
import { measureTree } from '#store';
import { chainOf } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import type { Builder } from './build.ts';
import type { CacheUses } from './cache-uses.ts';
import { parseFacts } from './step-cache.ts';
import { cacheLabel } from './step-mounts.ts';

type Keeper = Pick<Builder, 'context' | 'caches' | 'kept'>;

/** All that builds keep: what steps made, caches that steps mount, and directories that were sent. */
export async function listBuildCache({ context, caches, kept }: Keeper): Promise<BuildCacheView[]> {
  return [...listSteps(context), ...(await listCaches(context, caches)), ...kept.list()];
}

function listSteps({ store, images, table }: EngineContext): BuildCacheView[] {
  const needed = new Set<ChainId>();
  const need = (chain: ChainId | null): void => {
    if (chain === null || store.layers.get(chain) === null) return;
    for (const { chainId } of store.layers.ancestry(chain)) needed.add(chainId);
  };
  for (const image of images.list()) need(image.chain);
  for (const { record } of table.all()) need(chainOf(record));
  for (const { chain } of store.metadata.snapshots.list()) need(chain);
  return store.metadata.buildSteps.list().map((row) => ({
    id: row.key.slice(0, 25),
    type: 'regular' as const,
    description: parseFacts(row).description,
    sizeBytes: row.chain === null ? 0 : (store.layers.get(row.chain)?.size ?? 0),
    createdMs: Number(row.createdNs / 1_000_000n),
    usedMs: Number(row.usedNs / 1_000_000n),
    uses: row.uses,
    inUse: false,
    shared: row.chain !== null && needed.has(row.chain),
  }));
}

async function listCaches({ volumes, addon }: EngineContext, caches: CacheUses): Promise<BuildCacheView[]> {
  const mine = volumes.list().filter(({ labels }) => labels[cacheLabel] !== undefined);
  return Promise.all(
    mine.map(async ({ name, labels, createdAtMs }) => ({
      id: name,
      type: 'exec.cachemount' as const,
      description: `cache mount ${labels[cacheLabel] ?? ''}`,
      sizeBytes: (await measureTree(addon, volumes.pathOf(name)).catch(() => ({ bytes: 0 }))).bytes,
      createdMs: createdAtMs,
      usedMs: createdAtMs,
      uses: 0,
      inUse: caches.isInUse(labels[cacheLabel] ?? ''),
      shared: false,
    })),
  );
}

/** Removes of what builds keep: what no image needs, or with `all` everything that is not in use; as far as the other wishes allow. */
export async function pruneBuildCache(keeper: Keeper, options: BuildPruneOptions): Promise<Pruned> {
  const { store, volumes } = keeper.context;
  const before = await store.diskUsage();
  const everything = await listBuildCache(keeper);
  const doomed = choose(everything, options);
  const keys = new Map(store.metadata.buildSteps.list().map(({ key }) => [key.slice(0, 25), key]));
  store.metadata.buildSteps.remove(doomed.flatMap(({ id }) => keys.get(id) ?? []));
  let otherBytes = 0;
  for (const { id, type, sizeBytes } of doomed) {
    if (type === 'regular') continue;
    if (type === 'exec.cachemount') await volumes.remove(id);
    else keeper.kept.remove([id]);
    otherBytes += sizeBytes;
  }
  await store.collectGarbage();
  const after = await store.diskUsage();
  const bytesOf = ({ blobs, layers }: typeof before): number => blobs.bytes + layers.bytes;
  const freedBytes = Math.max(0, bytesOf(before) - bytesOf(after)) + otherBytes;
  return { removed: doomed.map(({ id }) => id), untagged: [], freedBytes };
}

/** Which go: the longest unused first, until no more than `keepBytes` stay. */
export function choose(
  all: readonly BuildCacheView[],
  { all: also = false, usedBeforeMs, keepBytes, ids, types }: BuildPruneOptions,
): BuildCacheView[] {
  if (keepBytes !== undefined && keepBytes < 0)
    throw new OrlopError('invalid-argument', 'BUILD_BAD_PRUNE', 'as much as is to be kept must be a positive number');
  const candidates = all
    .filter((one) => !one.inUse && (also || !one.shared))
    .filter(({ usedMs }) => usedBeforeMs === undefined || usedMs < usedBeforeMs)
    .filter(({ id }) => ids === undefined || ids.some((wanted) => id.startsWith(wanted)))
    .filter(({ type }) => types === undefined || types.includes(type))
    .toSorted((one, other) => one.usedMs - other.usedMs);
  if (keepBytes === undefined) return candidates;
  let left = all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return candidates.filter(({ sizeBytes }) => {
    if (left <= keepBytes) return false;
    left -= sizeBytes;
    return true;
  });
}
