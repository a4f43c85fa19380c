import { mkdir, rename, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import type { Digest } from '#oci';
import { type Addon, AT_FDCWD, bootId, O_DIRECTORY, O_RDONLY, removeTree, syncDirectory } from '#sys';
import { blobNotFound } from '../content/content.ts';
import type { VerifiedBlobs } from '../content/verified.ts';
import { diskError } from '../disk-errors.ts';
import { layerName, layerTree, type Layout } from '../layout.ts';
import type { LayerRows } from '../metadata/layer-rows.ts';
import type { ApplyLayerOptions, ChainId, Layer, LayerSource, LayerStore, Lease } from '../types.ts';
import { extendChain } from './chain.ts';
import type { UnpackLimits } from './limits.ts';
import { packUpper } from './pack.ts';
import type { UnpackPool } from './unpack-pool.ts';

export interface LayerStoreParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly rows: LayerRows;
  readonly verified: VerifiedBlobs;
  readonly pool: UnpackPool;
  readonly logger: Logger | undefined;
  readonly limits?: UnpackLimits;
}

export function createLayerStore(parts: LayerStoreParts): LayerStore {
  const { layout, addon, rows } = parts;
  /** Applies in progress by their chain, so that two pulls of one image unpack it once. */
  const running = new Map<ChainId, Promise<Layer>>();

  const ancestry = (chainId: ChainId): Layer[] => {
    const layers: Layer[] = [];
    for (let next: ChainId | null = chainId; next !== null; ) {
      const layer = rows.get(next);
      if (layer === null) throw layerNotFound(next);
      layers.push(layer);
      next = layer.parent;
    }
    return layers;
  };
  const directories = (chainId: ChainId): string[] =>
    ancestry(chainId).map((layer) => join('layers', layer.tree ?? layerName(layer.chainId), layerTree));

  return {
    async apply(lease, source, options) {
      if (options.parent !== null) lease.hold({ layer: options.parent });
      const lower = options.parent === null ? [] : directories(options.parent);
      if (options.diffId === undefined) return applyLayer(parts, lease, source, options, lower);
      const chainId = extendChain(options.parent, options.diffId);
      lease.hold({ layer: chainId });
      const other = running.get(chainId);
      // The other's failure is not ours: then it is our turn.
      if (other !== undefined) await other.catch(() => null);
      const existing = rows.get(chainId);
      if (existing !== null) {
        discardSource(source);
        return existing;
      }
      const work = applyLayer(parts, lease, source, options, lower);
      running.set(chainId, work);
      try {
        return await work;
      } finally {
        if (running.get(chainId) === work) running.delete(chainId);
      }
    },
    get: (chainId) => rows.get(chainId),
    ancestry,
    list: () => rows.list(),
    directories,
    async sync() {
      const unsynced = rows.unsynced().map(({ chainId }) => chainId);
      if (unsynced.length === 0) return;
      const directory = addon.openat2(AT_FDCWD, layout.layers, O_RDONLY | O_DIRECTORY, 0, 0);
      try {
        await addon.syncfsAside(directory);
      } finally {
        addon.close(directory);
      }
      rows.synced(unsynced);
    },
    alias(lease, chainId, { parent, diffId }) {
      const layer = rows.get(chainId);
      if (layer === null) throw layerNotFound(chainId);
      const named = extendChain(parent, diffId);
      lease.hold({ layer: named });
      // One tree: it is on disk for both or for neither.
      const boot = rows.unsynced().find((row) => row.chainId === chainId)?.boot;
      rows.insert({ chainId: named, parent, diffId, size: layer.size, tree: rows.treeOf(chainId) }, boot);
      return rows.get(named) ?? layer;
    },
    pack: (directory) => packUpper(addon, resolve(layout.root, directory)),
  };
}

async function applyLayer(
  parts: LayerStoreParts,
  lease: Lease,
  source: LayerSource,
  options: ApplyLayerOptions,
  lower: readonly string[],
): Promise<Layer> {
  const { layout, addon, pool, logger } = parts;
  const what = options.diffId === undefined ? 'a new layer' : `layer ${options.diffId}`;
  const temporary = layout.temporary('layer');
  await using undo = new AsyncDisposableStack();
  try {
    await mkdir(temporary, { mode: 0o700 });
    undo.defer(() => removeTree(addon, temporary));
    let bytes = 0;
    const unpacked = await pool.run({
      job: {
        directory: temporary,
        lower: lower.map((path) => join(layout.root, path)),
        diffId: options.diffId ?? null,
        isLazy: options.isLazy === true,
        isVerified: 'blob' in source && source.blob === options.diffId && parts.verified.has(lease, source.blob),
        ...(parts.limits === undefined ? {} : { limits: parts.limits }),
      },
      source: sourceOf(layout, source),
      signal: options.signal,
      onBytes: (more) => options.onProgress?.((bytes += more)),
    });
    if (unpacked.skippedXattrs > 0)
      logger?.warn('extended attributes that the file system does not take', { layer: unpacked.diffId, count: unpacked.skippedXattrs });
    if (unpacked.skippedDevices > 0)
      logger?.warn('device nodes that cannot be made in a machine', { layer: unpacked.diffId, count: unpacked.skippedDevices });
    return await publish(parts, lease, {
      tree: join(temporary, layerTree),
      parent: options.parent,
      ...unpacked,
      ...(options.isLazy === true ? { boot: bootId() } : {}),
    });
  } catch (error) {
    throw missingBlob(source, diskError(error, what, layout.layers));
  }
}

/** A tree that is to become a layer. */
export interface FinishedTree {
  /** Absolute; on the store's file system. */
  readonly tree: string;
  readonly parent: ChainId | null;
  readonly diffId: Digest;
  readonly size: number;
  /** The boot in which it was made, if its files were not brought to disk. */
  readonly boot?: string;
}

/** Gives the tree its name; then the database knows it. Between the two, opening the store would remove it. A tree that is there already stays where it was. */
export async function publish(
  { layout, rows }: Pick<LayerStoreParts, 'layout' | 'rows'>,
  lease: Lease,
  { tree, parent, diffId, size, boot }: FinishedTree,
): Promise<Layer> {
  const chainId = extendChain(parent, diffId);
  lease.hold({ layer: chainId });
  const existing = rows.get(chainId);
  if (existing !== null) return existing;
  const finished = layout.layer(chainId);
  // Only the tree moves; what the archive replaced stays behind and is deleted.
  await mkdir(finished, { recursive: true, mode: 0o700 });
  try {
    await rename(tree, join(finished, layerTree));
  } catch (error) {
    await rmdir(finished).catch(() => undefined);
    // Someone else unpacked the same bytes in the meantime.
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  if (boot === undefined) {
    await syncDirectory(finished);
    await syncDirectory(layout.layers);
  }
  const layer = { chainId, parent, diffId, size };
  rows.insert(layer, boot);
  return layer;
}

function sourceOf(layout: Layout, source: LayerSource): AsyncIterable<Uint8Array> | { readonly file: string } {
  return 'blob' in source ? { file: layout.blob(source.blob) } : source;
}

function missingBlob(source: LayerSource, error: unknown): unknown {
  return 'blob' in source && isErrno(error, 'ENOENT') ? blobNotFound(source.blob) : error;
}

function discardSource(source: LayerSource): void {
  if (Symbol.asyncIterator in source)
    source[Symbol.asyncIterator]()
      .return?.()
      .catch(() => undefined);
}

function layerNotFound(chainId: ChainId): OrlopError {
  return new OrlopError('not-found', 'STORE_LAYER_NOT_FOUND', `no unpacked layer ${chainId}`);
}
