import { createHash, type Hash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import { formatPlatform, formatReference, parseReference, withDefaultTag } from '#oci';
import type { Lease, Store } from '#store';
import { addLayer } from '../add-layer.ts';
import type { RunProgram } from '../templates/types.ts';
import { type Image, type ImageLayer, imageLabels, type Images, type Progress } from '../types.ts';
import { untaggedName } from '../untagged.ts';
import { nameImages, writeImage } from '../write.ts';
import { type Documents, readDocuments } from './documents.ts';
import { planFirstBoot } from './first-boot.ts';
import { badLxd, type LxdMetadata, parseMetadata, platformOfArchitecture } from './metadata.ts';
import { isSquashfs, unpackSquashfs } from './squashfs.ts';
import { splitUnified } from './unified-tar.ts';

export interface LxdImportParts {
  readonly store: Store;
  readonly images: Images;
  readonly run: RunProgram;
  /** The init of a root that is unpacked in this directory, null when none is known. */
  readonly detectInit: (directory: string) => string | null;
  /** Deletes a tree, whatever it holds. */
  readonly removeTree: (path: string) => Promise<void>;
}

export interface LxdImportRequest {
  /** A unified tarball; with `root`, a metadata tarball. */
  readonly metadata: AsyncIterable<Uint8Array>;
  /** A squashfs, or a tar packed in any way. */
  readonly root?: AsyncIterable<Uint8Array>;
  /** Name of the new image; none without it. */
  readonly reference?: string;
  /** What LXD calls the fingerprint: SHA-256 of all bytes, in hexadecimal digits. Data-loss when it is another. */
  readonly fingerprint?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/**
 * Makes an image for system containers of an image for LXD or Incus: its root becomes the one layer, its properties become labels, its templates what new
 * containers find at their first boot. Fails with invalid-argument `IMAGE_BAD_LXD`, unimplemented `IMAGE_LXD_TEMPLATE`, data-loss, and as `addLayer` and
 * `unpackSquashfs` do; nothing of it is left then.
 */
export async function importLxd(parts: LxdImportParts, request: LxdImportRequest): Promise<Image> {
  const { store } = parts;
  const { signal, progress } = request;
  try {
    await using undo = new AsyncDisposableStack();
    const lease = undo.use(store.leases.create());
    // Emptied whenever the store is opened, so that an import that was killed leaves nothing.
    const scratch = await mkdtemp(join(store.root, 'ingest', 'lxd-'));
    undo.defer(() => parts.removeTree(scratch));
    const work: Work = { ...parts, lease, scratch, progress, signal, hash: createHash('sha256') };
    const { layer, documents } = await (request.root === undefined
      ? storeUnified(work, request.metadata)
      : storeSplit(work, request.metadata, request.root));
    const fingerprint = work.hash.digest('hex');
    if (request.fingerprint !== undefined && request.fingerprint !== fingerprint)
      throw new OrlopError(
        'data-loss',
        'IMAGE_LXD_CORRUPT',
        `the image arrived damaged: its fingerprint is ${fingerprint}, not ${request.fingerprint}`,
      );
    return await writeAndName(work, request.reference, { layer, documents, fingerprint });
  } catch (error) {
    await store.collectGarbage();
    if (signal?.aborted !== true) throw error;
    throw new OrlopError('cancelled', 'IMAGE_CANCELLED', 'importing the image was cancelled', { cause: error });
  }
}

interface Work extends LxdImportParts {
  readonly lease: Lease;
  readonly scratch: string;
  readonly progress: Progress | undefined;
  readonly signal: AbortSignal | undefined;
  /** Over all that came. */
  readonly hash: Hash;
}

interface Stored {
  readonly layer: ImageLayer;
  readonly documents: Documents;
}

async function storeUnified(work: Work, source: AsyncIterable<Uint8Array>): Promise<Stored> {
  const { documents, root } = splitUnified(hashed(source, work.hash));
  return { layer: await storeRoot(work, root), documents };
}

async function storeSplit(work: Work, metadata: AsyncIterable<Uint8Array>, root: AsyncIterable<Uint8Array>): Promise<Stored> {
  const documents = await readDocuments(hashed(metadata, work.hash));
  // What is wrong with it is said before the root is read.
  planFirstBoot(parseMetadata(textOf(documents)), templatesOf(documents));
  const [head, whole] = await peek(hashed(root, work.hash));
  if (!isSquashfs(head)) return { layer: await storeRoot(work, whole), documents };
  work.progress?.({ id: 'rootfs', status: 'Unpacking squashfs' });
  const directory = await unpackSquashfs(work.run, work.scratch, whole, work.signal);
  return { layer: await storeRoot(work, work.store.layers.pack(directory)), documents };
}

function storeRoot({ store, lease, signal, progress }: Work, tar: AsyncIterable<Uint8Array>): Promise<ImageLayer> {
  const onProgress = (step: 'store' | 'unpack', current: number): void =>
    progress?.({ id: 'rootfs', status: step === 'store' ? 'Storing' : 'Unpacking', current });
  return addLayer(store, lease, tar, { below: [], onProgress, ...(signal === undefined ? {} : { signal }) });
}

async function writeAndName(
  work: Work,
  name: string | undefined,
  { layer, documents, fingerprint }: Stored & { readonly fingerprint: string },
): Promise<Image> {
  const { store, lease, images } = work;
  const metadata = parseMetadata(textOf(documents));
  const firstBoot = planFirstBoot(metadata, templatesOf(documents));
  const [directory] = store.layers.directories(layer.chainId);
  const init = directory === undefined ? null : work.detectInit(join(store.root, directory));
  const created = new Date(metadata.creationDate * 1000).toISOString();
  const platform = platformOfArchitecture(metadata.architecture);
  const target = await writeImage(store, lease, {
    layers: [layer],
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['/sbin/init'],
      Labels: {
        [imageLabels.kind]: 'system',
        ...(init === null ? {} : { [imageLabels.init]: init }),
        ...labelsOf(metadata),
        [imageLabels.fingerprint]: fingerprint,
        ...(firstBoot === null ? {} : { [imageLabels.firstBoot]: firstBoot }),
      },
    },
    history: [{ created, created_by: 'orlop image import --lxd', comment: metadata.properties['description'] ?? '' }],
    created,
    platform,
  });
  work.signal?.throwIfAborted();
  const reference = name === undefined ? untaggedName(target) : formatReference(withDefaultTag(parseReference(name)));
  nameImages(store, [{ name: reference, target, kind: 'system' }]);
  work.progress?.({ id: 'rootfs', status: `Complete (${formatPlatform(platform)}${init === null ? '' : `, ${init}`})` });
  const image = images.list().find((candidate) => candidate.target === target);
  if (image === undefined) throw new OrlopError('internal', 'IMAGE_LXD_LOST', 'the image that was imported is not in the store');
  return image;
}

/** The image's properties, and those of them that have a name of OCI's (image-spec, annotations). */
function labelsOf({ properties, architecture }: LxdMetadata): Record<string, string> {
  const own = Object.entries({ architecture, ...properties }).map(([key, value]) => [`orlop.lxd.${key}`, value]);
  const { description, os, release } = properties;
  return {
    ...(Object.fromEntries(own) as Record<string, string>),
    ...(description === undefined ? {} : { 'org.opencontainers.image.description': description }),
    ...(os === undefined ? {} : { 'org.opencontainers.image.title': os }),
    ...(release === undefined ? {} : { 'org.opencontainers.image.version': release }),
  };
}

function textOf(documents: Documents): string {
  return documents.get('metadata.yaml') ?? fail();
}

function fail(): never {
  throw badLxd('there is no metadata.yaml in it');
}

function templatesOf(documents: Documents): ReadonlyMap<string, string> {
  return new Map([...documents].map(([path, text]) => [path.replace(/^templates\//, ''), text]));
}

async function* hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** The first piece, not empty unless all is, and everything. */
async function peek(source: AsyncGenerator<Uint8Array>): Promise<[Uint8Array, AsyncIterable<Uint8Array>]> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 8) {
    const { value, done } = await source.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const whole = async function* (): AsyncGenerator<Uint8Array> {
    yield head;
    yield* source;
  };
  return [head, whole()];
}
