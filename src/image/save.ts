import { hash } from 'node:crypto';
import { OrlopError } from '#errors';
import {
  type Descriptor,
  type Digest,
  familiarName,
  familiarReference,
  formatDigest,
  formatIndex,
  formatManifest,
  formatReference,
  layerCompression,
  mediaTypes,
  parseManifest,
  parseReference,
} from '#oci';
import { createTarEntry, decompress, endOfArchive, formatTarEntry, padding, type Store, toByteText } from '#store';
import type { Image } from './types.ts';

/** An image with the names under which it is saved, complete; none: it is saved by its id alone. */
export interface SavedImage {
  readonly image: Image;
  readonly names: readonly string[];
}

/** A blob of the archive: bytes at hand, or one of the store, unpacked when `plain`. */
interface Part {
  readonly size: number;
  readonly content: string | { readonly digest: Digest; readonly plain: boolean };
}

interface PlannedImage extends SavedImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/**
 * One archive of images that Docker of every age, podman, skopeo and Orlop read: an OCI layout and Docker's manifest.json and repositories over the same
 * blobs, as Docker writes it since 25. Layers packed with zstd are written plain, because older readers know only gzip; all else as it is stored, so that
 * digests stay. The same images give the same bytes. Fails with data-loss `IMAGE_DAMAGED` when a part is missing.
 */
export async function* saveImages(store: Store, images: readonly SavedImage[], signal?: AbortSignal): AsyncGenerator<Buffer> {
  using lease = store.leases.create();
  const parts = new Map<Digest, Part>();
  const planned: PlannedImage[] = [];
  for (const saved of images) {
    lease.hold({ image: saved.image.target });
    planned.push(await planImage(store, saved, parts, signal));
  }
  yield directory('blobs/');
  for (const algorithm of new Set([...parts.keys()].map((digest) => digest.split(':')[0] ?? ''))) yield directory(`blobs/${algorithm}/`);
  for (const [digest, part] of [...parts].sort(([one], [other]) => (one < other ? -1 : 1))) {
    signal?.throwIfAborted();
    yield header(`blobs/${digest.replace(':', '/')}`, part.size);
    yield* contentOf(store, part, digest);
    yield padding(part.size);
  }
  yield* textFile(
    'index.json',
    formatIndex({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: planned.flatMap(descriptorsOf) }),
  );
  yield* textFile('manifest.json', JSON.stringify(planned.map(dockerEntryOf)));
  yield* textFile('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  yield* textFile('repositories', JSON.stringify(repositoriesOf(planned)));
  yield endOfArchive();
}

async function planImage(
  store: Store,
  saved: SavedImage,
  parts: Map<Digest, Part>,
  signal: AbortSignal | undefined,
): Promise<PlannedImage> {
  const { image } = saved;
  const stored = parseManifest(await store.content.readBytes(image.manifest));
  const layers: Descriptor[] = [];
  for (const { descriptor, diffId } of image.layers) {
    signal?.throwIfAborted();
    const plain = layerCompression(descriptor.mediaType) === 'zstd';
    if (!(await store.content.has(descriptor.digest))) throw lost(image, descriptor.digest);
    const size = plain ? await measure(store, descriptor.digest) : await store.content.size(descriptor.digest);
    const digest = plain ? diffId : descriptor.digest;
    parts.set(digest, { size, content: { digest: descriptor.digest, plain } });
    layers.push(plain ? { mediaType: mediaTypes.ociLayer, digest, size } : descriptor);
  }
  const { config } = stored;
  parts.set(config.digest, { size: await store.content.size(config.digest), content: { digest: config.digest, plain: false } });
  const manifest = await planManifest(store, image, { ...stored, layers }, parts);
  return { ...saved, manifest, config, layers };
}

/** The manifest as it is stored; another one when layers are written plain. */
async function planManifest(
  store: Store,
  image: Image,
  manifest: ReturnType<typeof parseManifest>,
  parts: Map<Digest, Part>,
): Promise<Descriptor> {
  const mediaType = manifest.mediaType ?? mediaTypes.ociManifest;
  if (manifest.layers.every(({ digest }, at) => digest === image.layers[at]?.descriptor.digest)) {
    const size = await store.content.size(image.manifest);
    parts.set(image.manifest, { size, content: { digest: image.manifest, plain: false } });
    return { mediaType, digest: image.manifest, size };
  }
  const text = formatManifest(manifest);
  const digest = formatDigest('sha256', hash('sha256', text, 'hex'));
  const size = Buffer.byteLength(text);
  parts.set(digest, { size, content: text });
  return { mediaType, digest, size };
}

async function measure(store: Store, digest: Digest): Promise<number> {
  let size = 0;
  for await (const chunk of decompress(store.content.read(digest))) size += chunk.length;
  return size;
}

async function* contentOf(store: Store, { content, size }: Part, name: Digest): AsyncIterable<Buffer> {
  if (typeof content === 'string') return yield Buffer.from(content);
  const source = store.content.read(content.digest);
  let written = 0;
  for await (const chunk of content.plain ? decompress(source) : source) {
    written += chunk.length;
    yield chunk;
  }
  if (written !== size) throw new OrlopError('data-loss', 'IMAGE_DAMAGED', `image content ${name} has ${written} bytes, not ${size}`);
}

/** One descriptor for each name, as readers of layouts expect. */
function descriptorsOf({ manifest, names, image }: PlannedImage): Descriptor[] {
  const platform = { architecture: image.config.architecture, os: image.config.os };
  const whole = { ...manifest, platform: image.config.variant === undefined ? platform : { ...platform, variant: image.config.variant } };
  if (names.length === 0) return [whole];
  return names.map((name) => ({
    ...whole,
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': parseReference(name).tag ?? name },
  }));
}

function dockerEntryOf({ config, layers, names, image }: PlannedImage): object {
  const sources = layers.map((descriptor, at) => [image.layers[at]?.diffId, descriptor] as const);
  return {
    Config: blobPath(config.digest),
    RepoTags: names.length === 0 ? null : names.map((name) => familiarReference(parseReference(name))),
    Layers: layers.map(({ digest }) => blobPath(digest)),
    LayerSources: Object.fromEntries(sources.map(([diffId, { mediaType, size, digest }]) => [diffId, { mediaType, size, digest }])),
  };
}

/** `{"busybox": {"latest": "<layer>"}}`: readers before Docker 1.10 look here; others skip it. */
function repositoriesOf(images: readonly PlannedImage[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { names, layers } of images) {
    const top = layers.at(-1)?.digest.split(':')[1];
    for (const reference of top === undefined ? [] : names.map(parseReference)) {
      repositories[familiarName(reference)] = { ...repositories[familiarName(reference)], [reference.tag ?? 'latest']: top ?? '' };
    }
  }
  return repositories;
}

function blobPath(digest: Digest): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function directory(path: string): Buffer {
  return formatTarEntry(createTarEntry({ path: toByteText(path), type: 'directory', mode: 0o755 }));
}

function header(path: string, size: number): Buffer {
  return formatTarEntry(createTarEntry({ path: toByteText(path), type: 'file', size, mode: 0o644 }));
}

function* textFile(path: string, text: string): Iterable<Buffer> {
  const data = Buffer.from(text);
  yield header(path, data.length);
  yield data;
  yield padding(data.length);
}

function lost(image: Image, digest: Digest): OrlopError {
  const name = image.names[0] === undefined ? image.id : formatReference(parseReference(image.names[0]));
  return new OrlopError('data-loss', 'IMAGE_DAMAGED', `image "${name}" has lost its layer ${digest}`, {
    hint: 'remove the image and make or fetch it again',
  });
}
