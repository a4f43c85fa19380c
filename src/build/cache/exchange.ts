import { OrlopError } from '#errors';
import { type Descriptor, type Digest, parseDigest } from '#oci';

/**
 * What steps made, for other engines: BuildKit's cache config (moby/buildkit, cache/remotecache/v1/spec.go), as the config of a manifest whose layers are the steps', or inside of an image's config. Its
 * records are ours: a digest is a step's key, and so stands for all below it. BuildKit's own records mean nothing here, and ours nothing to it; each reads the other's without harm.
 */
export const cacheConfigType = 'application/vnd.buildkit.cacheconfig.v0';
/** Where an image's config has the same. */
export const inlineCacheKey = 'moby.buildkit.cache.v0';

/** A layer that a step made. */
export interface ExchangedLayer {
  readonly diffId: Digest;
  readonly descriptor: Descriptor;
  /** Index of the layer below, among these; null: it is a base image's. */
  readonly parent: number | null;
}

/** One step. */
export interface ExchangedStep {
  readonly key: string;
  /** Index of the layer that it made; null: it changed nothing. */
  readonly layer: number | null;
  /** ISO 8601. */
  readonly created: string;
}

export interface ExchangedCache {
  readonly layers: readonly ExchangedLayer[];
  readonly steps: readonly ExchangedStep[];
}

/** The config's bytes. A step without a layer has no result, and says in `created` of its one chain of no layers when it was done. */
export function formatCacheConfig({ layers, steps }: ExchangedCache): string {
  return JSON.stringify({
    layers: layers.map(({ diffId, descriptor: { digest, mediaType, size }, parent }) => ({
      blob: digest,
      parent: parent ?? -1,
      annotations: { mediaType, diffID: diffId, size },
    })),
    records: steps.map(({ key, layer, created }) => ({
      digest: `sha256:${key}`,
      ...(layer === null ? { chains: [{ layers: [], createdAt: created }] } : { layers: [{ layer, createdAt: created }] }),
    })),
  });
}

/** As it comes from strangers. */
interface RawConfig {
  readonly layers?: readonly {
    readonly blob?: unknown;
    readonly annotations?: { readonly mediaType?: unknown; readonly diffID?: unknown; readonly size?: unknown };
  }[];
  readonly records?: readonly {
    readonly digest?: unknown;
    readonly inputs?: unknown;
    readonly layers?: readonly { readonly layer?: unknown; readonly createdAt?: unknown }[];
    readonly chains?: readonly { readonly layers?: readonly unknown[] | null; readonly createdAt?: unknown }[];
  }[];
}

const longestConfig = 32 * 1024 * 1024;

/** A step that somebody else has made. */
export interface FoundStep {
  /** null: it changed nothing. */
  readonly layer: { readonly diffId: Digest; readonly descriptor: Descriptor } | null;
  readonly created: string;
}

/**
 * The steps of such a config, by key. `blobs`: descriptors of the layers where the config does not say more than their digests. What is no step of ours is left out; data-loss
 * `BUILD_BAD_CACHE` for what is no such config.
 */
export function parseCacheConfig(bytes: Uint8Array, blobs: readonly Descriptor[]): Map<string, FoundStep> {
  if (bytes.length > longestConfig) throw badCache('it is too long');
  const config = parseObject(bytes);
  const known = new Map<string, Descriptor>(blobs.map((blob) => [blob.digest, blob]));
  const steps = new Map<string, FoundStep>();
  const layers = listOf(config.layers);
  for (const record of listOf(config.records)) {
    const key = /^sha256:([0-9a-f]{64})$/.exec(String(record.digest))?.[1];
    if (key === undefined || record.inputs !== undefined) continue;
    const [result] = listOf(record.layers);
    const [chain] = listOf(record.chains);
    if (result === undefined) {
      if (chain !== undefined && listOf(chain.layers).length === 0) steps.set(key, { layer: null, created: timeOf(chain.createdAt) });
      continue;
    }
    const layer = layerOf(layers[Number(result.layer)], known);
    if (layer !== null) steps.set(key, { layer, created: timeOf(result.createdAt) });
  }
  return steps;
}

function parseObject(bytes: Uint8Array): RawConfig {
  try {
    const config: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof config === 'object' && config !== null) return config;
  } catch {
    // Said below.
  }
  throw badCache('it is no JSON object');
}

function listOf<Item>(list: readonly Item[] | null | undefined): readonly Item[] {
  return Array.isArray(list) ? (list as readonly Item[]).filter((item) => item !== null) : [];
}

function layerOf(raw: NonNullable<RawConfig['layers']>[number] | undefined, known: ReadonlyMap<string, Descriptor>): FoundStep['layer'] {
  const { blob, annotations: { mediaType, diffID, size } = {} } = raw ?? {};
  if (typeof blob !== 'string' || typeof diffID !== 'string') return null;
  const descriptor = known.get(blob) ?? { mediaType: String(mediaType), digest: parseDigest(blob), size: Number(size) };
  if (!Number.isSafeInteger(descriptor.size) || descriptor.size < 0) throw badCache('a layer has no size');
  return { diffId: parseDigest(diffID), descriptor };
}

function timeOf(value: unknown): string {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? new Date(0).toISOString() : new Date(ms).toISOString();
}

function badCache(why: string): OrlopError {
  return new OrlopError('data-loss', 'BUILD_BAD_CACHE', `the build cache cannot be read: ${why}`);
}
