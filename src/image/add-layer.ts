import { createHash, type Hash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { OrlopError } from '#errors';
import { type Descriptor, type Digest, digestAlgorithm, digestHex, formatDigest, mediaTypes } from '#oci';
import { type ChainId, chainIdOf, decompress, detectCompression, type Lease, type Store } from '#store';
import type { ImageLayer } from './types.ts';

export interface AddLayerOptions {
  /** The layers it goes on top of, base first. */
  readonly below: readonly ImageLayer[];
  readonly signal?: AbortSignal;
  /** Bytes of the given tar so far: first while it is stored, then again while it is unpacked. */
  readonly onProgress?: (step: 'store' | 'unpack', bytes: number) => void;
}

/**
 * Stores a tar as a layer's blob and unpacks it. A tar that comes packed (gzip, zstd) stays as it is; a plain one is packed with zstd. Fails as
 * `content.ingest` and `layers.apply` do; the lease holds both.
 */
export async function addLayer(
  store: Store,
  lease: Lease,
  source: AsyncIterable<Uint8Array>,
  options: AddLayerOptions,
): Promise<ImageLayer> {
  const { below, signal, onProgress } = options;
  const counted = count(source, (bytes) => onProgress?.('store', bytes));
  const { mediaType, data } = await pack(counted);
  const blob = await store.content.ingest(lease, data, signal === undefined ? {} : { signal });
  const parent = chainIdOf(below.map(({ diffId }) => diffId));
  const layer = await store.layers.apply(
    lease,
    { blob: blob.digest },
    {
      parent,
      ...(signal === undefined ? {} : { signal }),
      onProgress: (bytes) => onProgress?.('unpack', bytes),
    },
  );
  return {
    descriptor: { mediaType, digest: blob.digest, size: blob.size },
    diffId: layer.diffId,
    chainId: layer.chainId satisfies ChainId,
  };
}

export interface MadeLayerOptions {
  readonly parent: ChainId | null;
  /** Its blob is wanted, too. */
  readonly packed: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks a tar that can be made again, the same each time, as a layer, and with `packed` stores it packed with zstd meanwhile. The layer is lazy. Fails as `content.ingest` and
 * `layers.apply` do; the lease holds both.
 */
export async function addMadeLayer(
  store: Store,
  lease: Lease,
  make: () => AsyncIterable<Uint8Array>,
  { parent, packed, signal }: MadeLayerOptions,
): Promise<Pick<ImageLayer, 'diffId' | 'chainId'> & Partial<ImageLayer>> {
  const giveUp = new AbortController();
  const options = { signal: signal === undefined ? giveUp.signal : AbortSignal.any([signal, giveUp.signal]) };
  const unpacking = store.layers.apply(lease, make(), { parent, isLazy: true, ...options });
  const packing = packed ? store.content.ingest(lease, compress(make()), options) : null;
  // Neither goes on in vain, and both have let go before the failure is told.
  const failures: unknown[] = [];
  for (const work of [unpacking, packing])
    work?.catch((error: unknown) => {
      failures.push(error);
      giveUp.abort(error);
    });
  await Promise.allSettled([unpacking, packing]);
  // The second is only that it was given up.
  if (failures.length > 0) throw failures[0];
  const { diffId, chainId } = await unpacking;
  const blob = await packing;
  if (blob === null) return { diffId, chainId };
  return { diffId, chainId, descriptor: { mediaType: mediaTypes.ociLayerZstd, digest: blob.digest, size: blob.size } };
}

/**
 * Stores an unpacked layer, packed with zstd, as a blob that the lease holds. Data-loss `IMAGE_LAYER_CHANGED` when it does not pack to its digest: somebody has changed its files.
 */
export async function packLayer(
  store: Store,
  lease: Lease,
  { diffId, chainId }: Pick<ImageLayer, 'diffId' | 'chainId'>,
  signal?: AbortSignal,
): Promise<Descriptor> {
  const [directory = ''] = store.layers.directories(chainId);
  const data = compress(checked(store.layers.pack(directory), diffId));
  const blob = await store.content.ingest(lease, data, signal === undefined ? {} : { signal });
  return { mediaType: mediaTypes.ociLayerZstd, digest: blob.digest, size: blob.size };
}

/**
 * Makes an unpacked layer that nobody has read one of an image, on top of `parent`: its blob is packed, and its tree gets its true name beside the one that it has. Fails as `content.ingest`.
 */
export async function addUnread(
  store: Store,
  lease: Lease,
  chainId: ChainId,
  parent: ChainId | null,
  signal?: AbortSignal,
): Promise<ImageLayer> {
  const [directory = ''] = store.layers.directories(chainId);
  const hash = createHash('sha256');
  const blob = await store.content.ingest(
    lease,
    compress(hashing(store.layers.pack(directory), hash)),
    signal === undefined ? {} : { signal },
  );
  const diffId = formatDigest('sha256', hash.digest('hex'));
  return {
    descriptor: { mediaType: mediaTypes.ociLayerZstd, digest: blob.digest, size: blob.size },
    diffId,
    chainId: store.layers.alias(lease, chainId, { parent, diffId }).chainId,
  };
}

async function* hashing(tar: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* checked(tar: AsyncIterable<Uint8Array>, diffId: Digest): AsyncGenerator<Uint8Array> {
  const hash = createHash(digestAlgorithm(diffId));
  for await (const chunk of tar) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== digestHex(diffId))
    throw new OrlopError('data-loss', 'IMAGE_LAYER_CHANGED', `the files of layer ${diffId} are not what they were when it was made`, {
      hint: 'remove what builds keep and build again: orlop builder prune --all',
    });
}

async function* count(source: AsyncIterable<Uint8Array>, report: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    yield chunk;
    report(bytes);
  }
}

/** Looks at the first bytes. What OCI layers may be packed with stays; all else becomes zstd, from xz, bzip2 and lz4 too. */
async function pack(source: AsyncGenerator<Uint8Array>): Promise<{ mediaType: string; data: AsyncIterable<Uint8Array> }> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 8) {
    const { value, done } = await source.next();
    if (done === true) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  const whole = prepend(head, source);
  const compression = detectCompression(head);
  if (compression === 'gzip') return { mediaType: mediaTypes.ociLayerGzip, data: whole };
  if (compression === 'zstd') return { mediaType: mediaTypes.ociLayerZstd, data: whole };
  return { mediaType: mediaTypes.ociLayerZstd, data: compress(compression === 'none' ? whole : decompress(whole)) };
}

async function* prepend(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/**
 * One write at a time, and the end only after the last: else Node appends an empty frame and the digest varies. Who stops reading early ends
 * the source too, and does not wait for it: the next bytes may never come.
 */
async function* compress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const packer = createZstdCompress({ chunkSize: 256 * 1024, params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) await writeWhole(packer, chunk);
      packer.end();
    } catch (error) {
      packer.destroy(error as Error);
    }
  };
  void feed();
  try {
    yield* packer as AsyncIterable<Uint8Array>;
  } finally {
    packer.destroy();
  }
}

/** Resolves when the stream took the chunk. A destroyed zlib stream never calls back for a write under way, so its closing fails the write. */
function writeWhole(stream: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('closed before the write was done'));
    stream.once('close', onClose);
    stream.write(chunk, (error) => {
      stream.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
