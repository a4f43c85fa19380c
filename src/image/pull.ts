import { OrlopError } from '#errors';
import {
  type Descriptor,
  type Digest,
  familiarReference,
  formatReference,
  type ImageConfig,
  isConfigType,
  layerCompression,
  type Manifest,
  maxImageConfigBytes,
  parseImageConfig,
  parseManifestOrIndex,
  type Platform,
  type Reference,
  selectManifest,
} from '#oci';
import type { Repository } from '#registry';
import type { Lease, Store } from '#store';
import { type BlobDownloads, fetchLayers } from './pull-layers.ts';
import { checkPlatform, isOwnChoice } from './platform.ts';
import { kindOf } from './read.ts';
import type { Progress } from './types.ts';
import { nameImages } from './write.ts';

export interface PullRequest {
  /** With a tag, a digest or both; a digest decides. */
  readonly reference: Reference;
  readonly repository: Repository;
  /** Without it the machine's own. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
}

export interface PulledImage {
  /** Of what the registry has under the reference: an index's, when it is one. */
  readonly digest: Digest;
  /** What the name points to from now on. */
  readonly target: Digest;
  /** False when the name pointed there already. */
  readonly isNew: boolean;
}

export interface PullContext {
  readonly store: Store;
  readonly platform: Platform;
  readonly downloads: BlobDownloads;
}

/** A registry's manifest of this size or less is kept in memory while it is read; others are refused by the client. */
interface Chosen {
  readonly manifest: Manifest;
  readonly target: Digest;
}

const maxIndexDepth = 3;

/**
 * Brings an image here: its manifest, the index that it was chosen from, its config, its layers, unpacked. The name moves last; until then a lease holds what
 * came, and a failure or a cancellation leaves nothing that the next collection does not take. Fails as `Repository`'s calls do, with unimplemented
 * `IMAGE_SCHEMA_1`, `IMAGE_IS_ARTIFACT` or `IMAGE_NOT_LINUX`, with not-found `OCI_NO_PLATFORM`, and as unpacking does.
 */
export async function pullImage(context: PullContext, request: PullRequest): Promise<PulledImage> {
  const { store } = context;
  const { reference, repository, signal } = request;
  const shown = familiarReference(reference);
  using lease = store.leases.create();
  const descriptor = await resolve(request, shown);
  const { manifest, target } = await fetchManifests(context, lease, request, descriptor, shown);
  const config = await fetchConfig(store, lease, request, manifest, shown);
  checkPlatform(config, request.platform, shown);
  await fetchLayers({ ...context, lease, repository, layers: manifest.layers, diffIds: config.rootfs.diff_ids, ...options(request) });
  signal?.throwIfAborted();
  lease.hold({ image: target });
  const name = formatReference(nameOf(reference));
  const isNew = store.metadata.images.get(name)?.manifest !== target;
  nameImages(store, [{ name, target, kind: kindOf(config.config?.Labels ?? {}) }]);
  return { digest: descriptor.digest, target, isNew };
}

function options({ signal, progress }: PullRequest): { signal?: AbortSignal; progress?: Progress } {
  return { ...(signal === undefined ? {} : { signal }), ...(progress === undefined ? {} : { progress }) };
}

/** A digest says more than a tag beside it, and is what the image is called then. */
function nameOf({ tag, digest, ...name }: Reference): Reference {
  return digest === undefined ? { ...name, ...(tag === undefined ? {} : { tag }) } : { ...name, digest };
}

async function resolve(request: PullRequest, shown: string): Promise<Descriptor> {
  const { reference, repository } = request;
  const found = await repository.resolve(reference.digest ?? reference.tag ?? 'latest', options(request));
  if (found !== null) return found;
  // In the words that clients of Docker's look for.
  const words = `manifest for ${shown} not found: manifest unknown: it is not in the registry ${reference.domain}`;
  throw new OrlopError('not-found', 'IMAGE_NOT_IN_REGISTRY', words, { hint: 'look at its name and tag' });
}

/** From the top down to the one manifest for the platform; each is stored as it came. */
async function fetchManifests(context: PullContext, lease: Lease, request: PullRequest, top: Descriptor, shown: string): Promise<Chosen> {
  const { store, platform } = context;
  let target = top.digest;
  let descriptor = top;
  for (let depth = 0; depth <= maxIndexDepth; depth++) {
    const bytes = await fetchManifest(store, lease, request, descriptor);
    refuseOldSchema(bytes, descriptor.mediaType, shown);
    const parsed = parseManifestOrIndex(bytes, typeOf(descriptor));
    if (parsed.type === 'manifest') return { manifest: checkImage(parsed.manifest, shown), target };
    const chosen = selectManifest(parsed.index, request.platform ?? platform);
    // A name that points to an index means the machine's own platform; another one's manifest is named itself.
    if (!isOwnChoice(parsed.index, chosen, platform)) target = chosen.digest;
    descriptor = chosen;
  }
  throw new OrlopError('invalid-argument', 'IMAGE_BAD_INDEX', `image ${shown}: its indexes are nested too deep`);
}

/** Registries that say nothing, or nothing useful, leave it to the document. */
function typeOf({ mediaType }: Descriptor): string | undefined {
  return mediaType === '' || mediaType === 'application/json' || mediaType === 'application/octet-stream' ? undefined : mediaType;
}

async function fetchManifest(store: Store, lease: Lease, request: PullRequest, descriptor: Descriptor): Promise<Buffer> {
  const { digest } = descriptor;
  lease.hold({ blob: digest });
  if (await store.content.has(digest)) return store.content.readBytes(digest);
  const { bytes } = await request.repository.fetchManifest(digest, options(request));
  await store.content.ingest(lease, bytes, { digest });
  return bytes;
}

function refuseOldSchema(bytes: Buffer, mediaType: string, shown: string): void {
  const isOld =
    mediaType.startsWith('application/vnd.docker.distribution.manifest.v1+') ||
    /"schemaVersion"\s*:\s*1\b/.test(bytes.toString('latin1', 0, 4096));
  if (!isOld) return;
  throw new OrlopError('unimplemented', 'IMAGE_SCHEMA_1', `image ${shown} has a manifest of schema 1, which Docker has given up too`, {
    hint: 'push it again with a newer tool',
  });
}

function checkImage(manifest: Manifest, shown: string): Manifest {
  const strange = manifest.layers.find(({ mediaType }) => layerCompression(mediaType) === null);
  if (isConfigType(manifest.config.mediaType) && strange === undefined) return manifest;
  const what = manifest.artifactType ?? strange?.mediaType ?? manifest.config.mediaType;
  throw new OrlopError('unimplemented', 'IMAGE_IS_ARTIFACT', `${shown} is no image but an artefact of the type ${what.slice(0, 200)}`);
}

async function fetchConfig(store: Store, lease: Lease, request: PullRequest, manifest: Manifest, shown: string): Promise<ImageConfig> {
  const { config } = manifest;
  if (config.size > maxImageConfigBytes) {
    throw new OrlopError(
      'invalid-argument',
      'IMAGE_BAD_CONFIG',
      `image ${shown}: its config has ${config.size} bytes, more than ${maxImageConfigBytes}`,
    );
  }
  lease.hold({ blob: config.digest });
  if (!(await store.content.has(config.digest))) {
    const source = request.repository.fetchBlob(config, { ...options(request), verify: false });
    await store.content.ingest(lease, source, { digest: config.digest, size: config.size, ...options(request) });
  }
  const parsed = parseImageConfig(await store.content.readBytes(config.digest, maxImageConfigBytes));
  const { length } = parsed.rootfs.diff_ids;
  if (length === manifest.layers.length) return parsed;
  throw new OrlopError(
    'invalid-argument',
    'IMAGE_BAD_CONFIG',
    `image ${shown}: its config names ${length} layers, its manifest ${manifest.layers.length}`,
  );
}
