import { OrlopError } from '#errors';
import {
  type Descriptor,
  type Digest,
  familiarReference,
  isForeignLayerType,
  maxManifestBytes,
  mediaTypes,
  parseManifestOrIndex,
  parseReference,
  type Reference,
  shortDigest,
} from '#oci';
import type { Repository } from '#registry';
import type { Store } from '#store';
import { everySoOften } from './pull-layers.ts';
import type { Image, Progress } from './types.ts';

export interface PushRequest {
  /** Where it goes: with a tag, or with the digest that it has. */
  readonly reference: Reference;
  readonly repository: Repository;
  readonly image: Image;
  /** Bytes of each part of an upload; whole blobs without it. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

export interface PushedImage {
  readonly digest: Digest;
  /** Bytes of the manifest. */
  readonly size: number;
}

/** A manifest or an index with all that it needs, as it is in the store. */
interface Tree {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly blobs: readonly Descriptor[];
  readonly children: readonly Tree[];
}

const parallelUploads = 3;

/**
 * Sends an image: the blobs that the registry has not got, then manifests, the one with the name last. An index goes whole when every platform's content is here, else
 * the manifest of this platform does. Fails as `Repository`'s calls do, with data-loss `STORE_BLOB_NOT_FOUND` when a blob is gone, invalid-argument
 * `IMAGE_OTHER_DIGEST` when the reference has a digest that the image has not.
 */
export async function pushImage(store: Store, request: PushRequest): Promise<PushedImage> {
  const { reference, repository, image } = request;
  using lease = store.leases.create();
  lease.hold({ image: image.target });
  const tree = (await readTree(store, image.target)) ?? (await readTree(store, image.manifest));
  if (tree === null) throw lost(reference);
  if (reference.digest !== undefined && reference.digest !== tree.digest) {
    const message = `image ${familiarReference(reference)}: what is here has the digest ${tree.digest}`;
    throw new OrlopError('invalid-argument', 'IMAGE_OTHER_DIGEST', message, { hint: 'push it with a tag' });
  }
  await pushBlobs(store, request, blobsOf(tree));
  await pushManifests(repository, tree, reference.digest ?? reference.tag ?? 'latest', request.signal);
  return { digest: tree.digest, size: tree.bytes.length };
}

/** Null when a part is not here. */
async function readTree(store: Store, digest: Digest, depth = 0): Promise<Tree | null> {
  if (depth > 3 || !(await store.content.has(digest))) return null;
  const bytes = await store.content.readBytes(digest, maxManifestBytes);
  const parsed = parseManifestOrIndex(bytes);
  if (parsed.type === 'manifest') {
    const { config, layers, mediaType = mediaTypes.ociManifest } = parsed.manifest;
    const blobs = [config, ...layers];
    for (const blob of blobs) if (!isForeignLayerType(blob.mediaType) && !(await store.content.has(blob.digest))) return null;
    return { digest, mediaType, bytes, blobs, children: [] };
  }
  const children: Tree[] = [];
  for (const child of parsed.index.manifests) {
    const tree = await readTree(store, child.digest, depth + 1);
    if (tree === null) return null;
    children.push(tree);
  }
  return { digest, mediaType: parsed.index.mediaType ?? mediaTypes.ociIndex, bytes, blobs: [], children };
}

function blobsOf(tree: Tree): Descriptor[] {
  const all = [...tree.blobs, ...tree.children.flatMap(blobsOf)];
  return [...new Map(all.map((blob) => [blob.digest, blob])).values()];
}

async function pushManifests(repository: Repository, tree: Tree, as: string, signal: AbortSignal | undefined): Promise<void> {
  for (const child of tree.children) await pushManifests(repository, child, child.digest, signal);
  await repository.putManifest(as, tree.mediaType, tree.bytes, signal === undefined ? {} : { signal });
}

async function pushBlobs(store: Store, request: PushRequest, blobs: readonly Descriptor[]): Promise<void> {
  const { progress } = request;
  const stop = new AbortController();
  const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
  const elsewhere = await whereElse(store, request.reference);
  for (const { digest, mediaType } of blobs) if (isLayer(mediaType)) progress?.({ id: shortDigest(digest), status: 'Preparing' });
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < blobs.length; at = next++) await pushBlob(store, { ...request, signal }, blobs[at] as Descriptor, elsewhere);
  };
  const jobs = Array.from({ length: parallelUploads }, () =>
    work().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(jobs)).some(({ status }) => status === 'rejected');
  if (failed) throw stop.signal.reason as Error;
}

const isLayer = (mediaType: string): boolean => !mediaType.includes('.config.') && !mediaType.includes('container.image');

async function pushBlob(
  store: Store,
  request: PushRequest & { readonly signal: AbortSignal },
  blob: Descriptor,
  elsewhere: ReadonlyMap<Digest, string>,
): Promise<void> {
  const { repository, signal, chunkBytes } = request;
  const id = shortDigest(blob.digest);
  const say = (status: string, current?: number): void => {
    if (isLayer(blob.mediaType)) request.progress?.({ id, status, ...(current === undefined ? {} : { current, total: blob.size }) });
  };
  // Its licence forbids to pass it on: the manifest says where it is to be had.
  if (isForeignLayerType(blob.mediaType)) return say('Skipped foreign layer');
  if (await repository.hasBlob(blob.digest, { signal })) return say('Layer already exists');
  const from = elsewhere.get(blob.digest);
  if (from !== undefined && (await repository.mountBlob(blob.digest, from, { signal }))) return say(`Mounted from ${from}`);
  const onProgress = everySoOften(blob.size, (bytes) => say('Pushing', bytes));
  const read = (start: number): AsyncIterable<Buffer> => store.content.read(blob.digest, { start, end: blob.size });
  await repository.uploadBlob(blob, read, { signal, onProgress, ...(chunkBytes === undefined ? {} : { chunkBytes }) });
  say('Pushed');
}

/** Other repositories of the same registry that should have a blob, since images here are named after them. Being wrong costs one request. */
async function whereElse(store: Store, { domain, path }: Reference): Promise<ReadonlyMap<Digest, string>> {
  const known = new Map<Digest, string>();
  for (const { name, manifest } of store.metadata.images.list()) {
    const other = parseReference(name);
    if (other.domain !== domain || other.path === path) continue;
    const tree = await readTree(store, manifest);
    for (const { digest } of tree === null ? [] : blobsOf(tree)) if (!known.has(digest)) known.set(digest, other.path);
  }
  return known;
}

function lost(reference: Reference): OrlopError {
  return new OrlopError('data-loss', 'IMAGE_DAMAGED', `image ${familiarReference(reference)} has lost some of its content`, {
    hint: 'remove the image and make or fetch it again',
  });
}
