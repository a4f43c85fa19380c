import { isOrlopError, OrlopError } from '#errors';
import {
  createManifest,
  type Descriptor,
  type Digest,
  formatManifest,
  formatReference,
  type LayerCompression,
  mediaTypes,
  parsePlatform,
  parseReference,
  type Platform,
  shortDigest,
  withDefaultTag,
} from '#oci';
import { type Blob, type ChainId, decompress, detectCompression, type Lease, type Store } from '#store';
import { badArchive, type ArchiveFiles, readArchiveFiles } from './archive-files.ts';
import { type ArchivedImage, imagesOfArchive } from './archive-images.ts';
import { checkPlatform } from './platform.ts';
import { kindOf, readImage } from './read.ts';
import type { Progress } from './types.ts';
import { untaggedName } from './untagged.ts';
import { nameImages } from './write.ts';

export interface LoadOptions {
  /** `linux/arm64`: what is taken from an index, in place of the machine's own. */
  readonly platform?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Holds the images in place of names: no name moves, and they are there as long as the lease. */
  readonly lease?: Lease;
}

/** An image that was loaded: its target, and its names, complete. */
export interface LoadedTarget {
  readonly target: Digest;
  readonly names: readonly string[];
}

interface Loading extends Omit<LoadOptions, 'platform' | 'lease'> {
  readonly store: Store;
  readonly lease: Lease;
  /** The machine's own. */
  readonly own: Platform;
  readonly wanted: Platform | undefined;
}

/**
 * Brings in all images of an archive as `docker save` of any age, `podman save`, `skopeo` or `saveImages` wrote it: Docker's archives and OCI layouts,
 * plain or packed. The archive is read once and never held in memory. Layers are unpacked and checked; names move at the end, all at once. Fails with
 * invalid-argument `IMAGE_BAD_ARCHIVE`, data-loss, resource-exhausted; nothing of it is left then.
 */
export async function loadArchive(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  platform: Platform,
  { platform: text, lease: holder, ...options }: LoadOptions = {},
): Promise<LoadedTarget[]> {
  const wanted = text === undefined ? undefined : parsePlatform(text);
  try {
    using own = store.leases.create();
    const lease = holder ?? own;
    const loading: Loading = { ...options, store, lease, own: platform, wanted };
    const files = await readArchiveFiles(store, lease, source, options.signal);
    const loaded: LoadedTarget[] = [];
    for (const image of imagesOfArchive(files)) {
      const found = await settle(loading, 'target' in image ? image.target : await convert(loading, files, image));
      const target = holder === undefined ? knownTarget(store, found, platform) : found;
      const names = image.names.map((name) => formatReference(withDefaultTag(parseReference(name))));
      loaded.push({ target, names: [...new Set(names)] });
    }
    if (holder === undefined) nameAll(store, platform, loaded);
    return loaded;
  } catch (error) {
    await store.collectGarbage();
    throw options.signal?.aborted === true ? cancelled(error) : error;
  }
}

/** An image that is here already is the same image, however its manifest is written: what an archive keeps plain may have come packed. */
function knownTarget(store: Store, target: Digest, platform: Platform): Digest {
  const { id, manifest } = readImage(store, target, platform);
  if (manifest !== target || store.metadata.images.byManifest(target).length > 0) return target;
  const isSame = (other: Digest): boolean => {
    const image = readIfWhole(store, other, platform);
    return image !== null && image.id === id && image.manifest === other;
  };
  return store.metadata.images.list().find((row) => isSame(row.manifest))?.manifest ?? target;
}

function readIfWhole(store: Store, target: Digest, platform: Platform): ReturnType<typeof readImage> | null {
  try {
    return readImage(store, target, platform);
  } catch (error) {
    if (isOrlopError(error)) return null;
    throw error;
  }
}

function nameAll(store: Store, platform: Platform, loaded: readonly LoadedTarget[]): void {
  const rows = loaded.flatMap(({ target, names }) => {
    const kind = kindOf(readImage(store, target, platform).config.config?.Labels ?? {});
    const isKnown = store.metadata.images.byManifest(target).length > 0;
    return (names.length === 0 && !isKnown ? [untaggedName(target)] : names).map((name) => ({ name, target, kind }));
  });
  nameImages(store, rows);
}

/** Makes a manifest for an image of Docker's archives. */
async function convert(loading: Loading, files: ArchiveFiles, image: Exclude<ArchivedImage, { target: Digest }>): Promise<Digest> {
  const { store, lease } = loading;
  const layers: { readonly descriptor: Descriptor; readonly blob: Blob }[] = [];
  for (const path of image.layers) {
    const blob = files.blob(path);
    if (blob === undefined) throw badArchive(`the layer ${path.slice(0, 200)} is not in it`);
    layers.push({ blob, descriptor: await describeLayer(loading, blob) });
  }
  const { config: about } = image;
  const config =
    'path' in about
      ? files.blob(about.path)
      : await completeConfig(
          loading,
          about.text,
          layers.map(({ descriptor }) => descriptor),
        );
  if (config === undefined) throw badArchive(`the config ${'path' in about ? about.path.slice(0, 200) : ''} is not in it`);
  const manifest = formatManifest(
    createManifest(
      { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.size },
      layers.map(({ descriptor }) => descriptor),
    ),
  );
  return (await store.content.ingest(lease, manifest)).digest;
}

const layerTypes: Readonly<Record<LayerCompression, string>> = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

/** Layers packed in ways that OCI does not know are stored plain. */
async function describeLayer({ store, lease, signal }: Loading, blob: Blob): Promise<Descriptor> {
  const compression = await compressionOf(store, blob.digest);
  if (compression in layerTypes) return { mediaType: layerTypes[compression as LayerCompression], digest: blob.digest, size: blob.size };
  const plain = await store.content.ingest(lease, decompress(store.content.read(blob.digest)), signal === undefined ? {} : { signal });
  return { mediaType: mediaTypes.ociLayer, ...plain };
}

async function compressionOf(store: Store, digest: Digest): Promise<ReturnType<typeof detectCompression>> {
  const head: Buffer[] = [];
  for await (const chunk of store.content.read(digest, { start: 0, end: 8 })) head.push(chunk);
  return detectCompression(Buffer.concat(head));
}

/** Images before Docker 1.10 had no diff-ids: the layers tell them. */
async function completeConfig({ store, lease, signal }: Loading, text: string, layers: readonly Descriptor[]): Promise<Blob> {
  const diffIds: Digest[] = [];
  let parent: ChainId | null = null;
  for (const { digest } of layers) {
    const layer = await store.layers.apply(lease, { blob: digest }, { parent, ...(signal === undefined ? {} : { signal }) });
    diffIds.push(layer.diffId);
    parent = layer.chainId;
  }
  const config = { ...(JSON.parse(text) as object), rootfs: { type: 'layers', diff_ids: diffIds } };
  return store.content.ingest(lease, JSON.stringify(config));
}

/** Checks that the image is whole and unpacks it. Returns what its names are to point to. */
async function settle({ store, lease, own, wanted, progress, signal }: Loading, top: Digest): Promise<Digest> {
  const image = readWhole(store, top, wanted ?? own);
  if (wanted !== undefined) checkPlatform(image.config, wanted, 'in the archive');
  for (const { descriptor } of image.layers) {
    if (!(await store.content.has(descriptor.digest))) throw badArchive(`the layer ${descriptor.digest} is not in it`);
  }
  let parent: ChainId | null = null;
  for (const { descriptor, diffId, chainId } of image.layers) {
    const id = shortDigest(diffId);
    const report = (current: number): void => progress?.({ id, status: 'Loading layer', current, total: descriptor.size });
    if (store.layers.get(chainId) === null) {
      const how = { parent, diffId, onProgress: report, ...(signal === undefined ? {} : { signal }) };
      await store.layers.apply(lease, { blob: descriptor.digest }, how);
      report(descriptor.size);
    } else lease.hold({ layer: chainId });
    parent = chainId;
  }
  const target = isOwnImage(store, image, own) ? image.target : image.manifest;
  lease.hold({ image: target });
  return target;
}

/** A name that points to an index means the machine's own platform, as after a pull. */
function isOwnImage(store: Store, { target, manifest }: ReturnType<typeof readImage>, own: Platform): boolean {
  try {
    return readImage(store, target, own).manifest === manifest;
  } catch (error) {
    if (isOrlopError(error)) return false;
    throw error;
  }
}

function readWhole(store: Store, target: Digest, platform: Platform): ReturnType<typeof readImage> {
  try {
    return readImage(store, target, platform);
  } catch (error) {
    if (error instanceof OrlopError && error.code === 'IMAGE_DAMAGED') throw badArchive(error.message);
    throw error;
  }
}

function cancelled(cause: unknown): OrlopError {
  return new OrlopError('cancelled', 'IMAGE_CANCELLED', 'loading images was cancelled', { cause });
}
