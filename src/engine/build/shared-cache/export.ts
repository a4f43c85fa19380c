import { cacheConfigType, type ExchangedLayer, type ExchangedStep, formatCacheConfig, type RootLayer } from '#build';
import { toOrlopError } from '#errors';
import { createManifest, type Descriptor, formatManifest, mediaTypes } from '#oci';
import type { CredentialSource } from '#registry';
import type { BuildEvent, CacheTarget } from '#wire';
import type { EngineContext } from '../../context.ts';
import type { BuildImagePorts } from '../base-images.ts';
import { digestOf, openLayoutDirectory } from './layout.ts';
import type { KnownSteps } from './steps.ts';

export interface ExportOptions {
  readonly images: BuildImagePorts;
  readonly known: KnownSteps;
  readonly credentials: CredentialSource;
  readonly report: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

/** What steps made as it goes elsewhere, with the blobs of its layers. */
export interface StepsToExport {
  readonly layers: readonly ExchangedLayer[];
  readonly steps: readonly ExchangedStep[];
}

/** Leaves what the build's steps made where that was asked for. */
export async function exportSteps(context: EngineContext, targets: readonly CacheTarget[], options: ExportOptions): Promise<void> {
  for (const target of targets) {
    if (target.kind === 'inline') continue;
    const name = target.kind === 'local' ? target.directory : target.reference;
    const step = `cache to ${name}`;
    const begun = { type: 'start', step, text: `exporting cache to ${name}`, instruction: '', stage: '' } as const;
    options.report({ ...begun, number: 0, of: 0, line: 0, lines: 0, atMs: Date.now() });
    const ended = { type: 'end', step, cached: false, state: '' } as const;
    try {
      const what = await packSteps(options.images, options.known, target.mode);
      if (target.kind === 'local') await toDirectory(context, target, what);
      else await toRegistry(context, target.reference, what, options);
      options.report({ ...ended, atMs: Date.now() });
    } catch (thrown) {
      const { message } = toOrlopError(thrown);
      options.report({ ...ended, atMs: Date.now(), error: message });
      options.signal.throwIfAborted();
      if (target.ignoreErrors !== true) throw thrown;
      options.report({ type: 'notice', text: `[Warning] the cache was not left at ${name}: ${message}` });
    }
  }
}

/** The steps, each layer once; blobs that are missing are made. */
export async function packSteps(images: BuildImagePorts, known: KnownSteps, mode: CacheTarget['mode']): Promise<StepsToExport> {
  const steps = known.list().filter(({ isResult }) => mode === 'max' || isResult);
  const made = new Map<string, RootLayer & { readonly below: string | null }>();
  for (const { key, layer, below } of steps) {
    if (layer !== null && !made.has(layer.chainId)) made.set(layer.chainId, { ...layer, key, below });
  }
  const roots = [...made.values()];
  const descriptors = await images.pack({ chain: null, layers: roots });
  const places = new Map([...made.keys()].map((chain, index) => [chain, index]));
  return {
    layers: roots.map(({ diffId, below }, index) => ({
      diffId,
      descriptor: descriptors[index] as Descriptor,
      parent: below === null ? null : (places.get(below) ?? null),
    })),
    steps: steps.map(({ key, layer, created }) => ({ key, created, layer: layer === null ? null : (places.get(layer.chainId) ?? null) })),
  };
}

interface Document {
  readonly config: Descriptor;
  readonly configBytes: Buffer;
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly blobs: readonly Descriptor[];
}

function writeDocument(what: StepsToExport): Document {
  const configBytes = Buffer.from(formatCacheConfig(what));
  const config = { mediaType: cacheConfigType, digest: digestOf(configBytes), size: configBytes.length };
  const blobs = [...new Map(what.layers.map(({ descriptor }) => [descriptor.digest, descriptor])).values()];
  const manifestBytes = Buffer.from(formatManifest(createManifest(config, blobs)));
  const manifest = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifestBytes), size: manifestBytes.length };
  return { config, configBytes, manifest, manifestBytes, blobs };
}

async function toDirectory(
  { store }: EngineContext,
  { directory, tag = 'latest' }: Extract<CacheTarget, { kind: 'local' }>,
  what: StepsToExport,
): Promise<void> {
  const layout = openLayoutDirectory(directory);
  const { config, configBytes, manifest, manifestBytes, blobs } = writeDocument(what);
  for (const blob of blobs) if (!(await layout.has(blob))) await layout.add(blob, { file: store.content.path(blob.digest) });
  await layout.add(config, configBytes);
  await layout.add(manifest, manifestBytes);
  await layout.tag(manifest, tag);
}

async function toRegistry(
  { store, transfers }: EngineContext,
  text: string,
  what: StepsToExport,
  { credentials, signal }: ExportOptions,
): Promise<void> {
  const { repository, reference } = transfers.repository(text, { credentials });
  const { config, configBytes, manifestBytes, blobs } = writeDocument(what);
  for (const blob of blobs) {
    if (await repository.hasBlob(blob.digest, { signal })) continue;
    await repository.uploadBlob(blob, (start) => store.content.read(blob.digest, { start, end: blob.size }), { signal });
  }
  const open = async function* (start: number): AsyncGenerator<Uint8Array> {
    yield configBytes.subarray(start);
  };
  if (!(await repository.hasBlob(config.digest, { signal }))) await repository.uploadBlob(config, open, { signal });
  await repository.putManifest(reference.tag ?? 'latest', mediaTypes.ociManifest, manifestBytes, { signal });
}
