import { formatCacheConfig, type NewLayer, type Root, type SolvedStage, type StageConfig } from '#build';
import { OrlopError } from '#errors';
import { addLayer, type ImageLayer, nameImages, untaggedName, writeImage } from '#image';
import {
  type Descriptor,
  type Digest,
  familiarReference,
  formatReference,
  type HistoryEntry,
  normalizePlatform,
  parseManifest,
  parseReference,
  type Platform,
  withDefaultTag,
} from '#oci';
import type { Lease } from '#store';
import type { BuildRequest, BuildResult } from '#wire';
import type { BuildImagePorts } from './base-images.ts';
import type { Builder, BuildOptions } from './build.ts';
import { filesOf } from './sent-files.ts';
import { packSteps } from './shared-cache/export.ts';
import type { KnownSteps } from './shared-cache/steps.ts';

/** What a result is made with. */
export interface Written {
  readonly builder: Builder;
  readonly request: BuildRequest;
  readonly lease: Lease;
  readonly images: BuildImagePorts;
  readonly steps: KnownSteps;
  /** Seconds; null: times are what they are. */
  readonly epoch: number | null;
  readonly options: BuildOptions;
}

type Result = Omit<BuildResult, 'buildId' | 'warnings'>;

/** Makes of the target's stage what was asked for: an image with its names, an archive, its files, or nothing. */
export async function writeResult(written: Written, stage: SolvedStage, platform: Platform): Promise<Result> {
  const { builder, request, options } = written;
  const { store, images: allImages } = builder.context;
  const output = request.output ?? 'image';
  const names = (request.names ?? []).map(nameOf);
  if (output === 'none') return { id: '', digest: '', names: [] };
  if (output === 'tar' || output === 'files') {
    const archive = store.snapshots.diff({ chain: null }, { chain: stage.root.chain });
    await (output === 'tar' ? handOut(options, archive) : handOutFiles(options, archive));
    return { id: '', digest: '', names: [] };
  }
  const squashed = request.squash === true ? await squash(written, stage) : stage;
  const target = await write(written, squashed, platform);
  const id = imageId(await store.content.readBytes(target));
  if (output !== 'image') {
    await handOut(options, allImages.saveAs(target, names, options.signal));
    return { id, digest: target, names: names.map(familiar) };
  }
  name(written, { target, id }, names);
  await store.metadata.flushed();
  // Nobody waits until what the steps made is safe: it can be made again.
  store.layers.sync().catch((error: unknown) => builder.context.logger.warn('layers of a build could not be brought to disk', { error }));
  return { id, digest: target, names: names.map(familiar) };
}

function nameOf(text: string): string {
  const reference = withDefaultTag(parseReference(text));
  if (reference.digest === undefined) return formatReference(reference);
  throw new OrlopError(
    'invalid-argument',
    'BUILD_BAD_NAME',
    `invalid tag ${JSON.stringify(text)}: an image that is built has no digest yet`,
  );
}

/** Fails before anything is done. */
export function checkNames(names: readonly string[]): void {
  for (const text of names) nameOf(text);
}

function familiar(reference: string): string {
  return familiarReference(parseReference(reference));
}

async function handOut({ output }: BuildOptions, archive: AsyncIterable<Uint8Array>): Promise<void> {
  if (output === undefined) throw nobodyTakes('the archive');
  await output(archive);
}

async function handOutFiles({ outputFiles }: BuildOptions, archive: AsyncIterable<Uint8Array>): Promise<void> {
  if (outputFiles === undefined) throw nobodyTakes('the files');
  await outputFiles(filesOf(archive));
}

function nobodyTakes(what: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_NO_OUTPUT', `there is nobody to take ${what} that was asked for`);
}

/** Digest of the config: Docker's image id. */
function imageId(manifest: Buffer): Digest {
  return parseManifest(manifest).config.digest;
}

async function write(written: Written, { root, config, history, created }: SolvedStage, platform: Platform): Promise<Digest> {
  const { builder, lease, images } = written;
  const descriptors = await images.pack(root);
  const layers = root.layers.map(
    ({ diffId, chainId }, index): ImageLayer => ({ diffId, chainId, descriptor: descriptors[index] as Descriptor }),
  );
  const made = created === '' ? timeOf(written) : created;
  const inline = isInline(written.request) ? { inlineCache: await inlineCacheOf(written, layers) } : {};
  return writeImage(builder.context.store, lease, {
    layers,
    config: config.config ?? {},
    history,
    created: made,
    platform: normalizePlatform({
      ...platform,
      os: config.os,
      architecture: config.architecture,
      ...(config.variant === undefined ? {} : { variant: config.variant }),
    }),
    ...(config.author === undefined ? {} : { author: config.author }),
    ...inline,
  });
}

/** As BuildKit's clients ask for it of old, or by name. */
function isInline({ cacheTo = [], buildArgs }: BuildRequest): boolean {
  return cacheTo.some(({ kind }) => kind === 'inline') || ['1', 'true'].includes(buildArgs?.['BUILDKIT_INLINE_CACHE'] ?? '');
}

/** Steps whose layers the image has, and those that made none. */
async function inlineCacheOf({ images, steps }: Written, layers: readonly ImageLayer[]): Promise<string> {
  const packed = await packSteps(images, steps, 'min');
  const places = new Map(layers.map(({ descriptor }, index) => [descriptor.digest, index]));
  return formatCacheConfig({
    layers: layers.map(({ diffId, descriptor }, index) => ({ diffId, descriptor, parent: index === 0 ? null : index - 1 })),
    steps: packed.steps.flatMap((step) => {
      const place = step.layer === null ? null : places.get(packed.layers[step.layer]?.descriptor.digest ?? ('' as Digest));
      return place === undefined ? [] : [{ ...step, layer: place }];
    }),
  });
}

function timeOf({ epoch }: Written): string {
  return (epoch === null ? new Date() : new Date(epoch * 1000)).toISOString();
}

/** Names move last, all at once. An image without one is kept until it is removed, as Docker's. */
function name({ builder }: Written, { target, id }: { readonly target: Digest; readonly id: Digest }, names: readonly string[]): void {
  const { store, events } = builder.context;
  const wanted = names.length === 0 ? [untaggedName(target)] : names;
  const has = names.length === 0 && store.metadata.images.byManifest(target).length > 0;
  if (!has)
    nameImages(
      store,
      wanted.map((one) => ({ name: one, target, kind: 'app' as const })),
    );
  for (const one of names) events.publish({ type: 'image', action: 'tag', id, attributes: { name: familiar(one) } });
}

/** The stage with everything above its base as one layer. */
async function squash({ builder, lease, options, epoch }: Written, stage: SolvedStage): Promise<SolvedStage> {
  const { store } = builder.context;
  const { root, base } = stage;
  if (root.layers.length <= base.layers.length + 1) return stage;
  const below = base.layers.map(({ diffId, chainId, descriptor }) => ({ diffId, chainId, descriptor: descriptor as Descriptor }));
  const tar = store.snapshots.diff({ chain: base.chain }, { chain: root.chain });
  const layer = await addLayer(store, lease, tar, { below, signal: options.signal });
  const kept = stage.baseHistory;
  const created = epoch === null ? new Date().toISOString() : new Date(epoch * 1000).toISOString();
  const flat: HistoryEntry[] = stage.history.slice(kept).map((entry) => ({ ...entry, empty_layer: true }));
  return {
    ...stage,
    root: { chain: layer.chainId, layers: [...base.layers, { ...layer, key: null }] },
    history: [...stage.history.slice(0, kept), ...flat, { created, comment: 'merged by --squash' }],
    created,
  };
}

/** Keeps what a failed step has left as an image without a name; answers its id. */
export async function writeFailed(
  written: Written,
  { layer, root, config }: { readonly layer: NewLayer | null; readonly root: Root; readonly config: StageConfig },
): Promise<string> {
  const grown: Root =
    layer === null
      ? root
      : { chain: layer.chainId, layers: [...root.layers, { ...layer, descriptor: layer.descriptor ?? null, key: null }] };
  const history = grown.layers.map(() => ({ created: timeOf(written), created_by: 'a step that failed' }));
  const platform = { os: config.os, architecture: config.architecture };
  const target = await write(written, { root: grown, base: root, config, history, baseHistory: 0, created: timeOf(written) }, platform);
  const id = imageId(await written.builder.context.store.content.readBytes(target));
  name(written, { target, id }, []);
  return id;
}
