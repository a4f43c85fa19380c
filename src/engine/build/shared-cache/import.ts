import { cacheConfigType, type FoundStep, inlineCacheKey, parseCacheConfig } from '#build';
import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import { type Descriptor, type Manifest, parseManifestOrIndex, platformOfNodeArch, selectManifest } from '#oci';
import type { CredentialSource } from '#registry';
import type { BuildEvent, CacheSource } from '#wire';
import type { EngineContext } from '../../context.ts';
import { openLayoutDirectory } from './layout.ts';

/** Steps that were made elsewhere. */
export interface ImportedSteps {
  /** What it is called for people. */
  readonly name: string;
  find(key: string): FoundStep | null;
  read(blob: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface ImportOptions {
  readonly credentials: CredentialSource;
  readonly report: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

/** A place with manifests and blobs. */
interface Place {
  manifest(reference: string | null): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer }>;
  read(blob: Descriptor, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Opens what of it there is: a cache that cannot be read is said, and the build goes on without it. */
export async function openImports(
  context: EngineContext,
  sources: readonly CacheSource[],
  options: ImportOptions,
): Promise<ImportedSteps[]> {
  const found: ImportedSteps[] = [];
  for (const source of sources) {
    const name = nameOf(source);
    const step = `cache from ${name}`;
    const begun = { type: 'start', step, text: `importing cache manifest from ${name}`, instruction: '', stage: '' } as const;
    options.report({ ...begun, number: 0, of: 0, line: 0, lines: 0, atMs: Date.now() });
    const ended = { type: 'end', step, cached: false, state: '' } as const;
    try {
      const imported = await openSource(context, source, name, options);
      if (imported !== null) found.push(imported);
      options.report({ ...ended, atMs: Date.now() });
    } catch (thrown) {
      options.signal.throwIfAborted();
      const error = toOrlopError(thrown);
      options.report({ ...ended, atMs: Date.now(), error: error.message });
      options.report({ type: 'notice', text: `[Warning] the cache of ${name} is not used: ${error.message}` });
    }
  }
  return found;
}

function nameOf(source: CacheSource): string {
  return source.kind === 'local' ? source.directory : source.reference;
}

async function openSource(
  context: EngineContext,
  source: CacheSource,
  name: string,
  { credentials, signal }: ImportOptions,
): Promise<ImportedSteps | null> {
  if (source.kind !== 'local') {
    const here = await stepsOfImage(context, source.reference);
    if (here !== null || source.kind === 'image') return here === null ? null : { name, ...here };
  }
  const place = source.kind === 'local' ? directoryPlace(source) : registryPlace(context, source.reference, credentials, signal);
  const steps = await stepsAt(place, signal);
  return { name, find: (key) => steps.get(key) ?? null, read: place.read };
}

/** Of an image of this engine; null: there is none, or it has none. */
async function stepsOfImage({ images, store }: EngineContext, reference: string): Promise<Omit<ImportedSteps, 'name'> | null> {
  try {
    const { manifest } = images.resolve(reference);
    const parsed = parseManifestOrIndex(await store.content.readBytes(manifest));
    if (parsed.type === 'index') return null;
    const steps = inlineSteps(await store.content.readBytes(parsed.manifest.config.digest), parsed.manifest);
    return steps === null ? null : { find: (key) => steps.get(key) ?? null, read: (blob) => store.content.read(blob.digest) };
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return null;
    throw error;
  }
}

function registryPlace(context: EngineContext, text: string, credentials: CredentialSource, signal: AbortSignal): Place {
  const { repository, reference } = context.transfers.repository(text, { credentials });
  return {
    manifest: (digest) => repository.fetchManifest(digest ?? reference.digest ?? reference.tag ?? 'latest', { signal }),
    read: (blob, given) => repository.fetchBlob(blob, { signal: given }),
  };
}

function directoryPlace({ directory, tag = 'latest' }: Extract<CacheSource, { kind: 'local' }>): Place {
  const layout = openLayoutDirectory(directory);
  return { manifest: () => layout.manifest(tag), read: (blob) => layout.read(blob) };
}

/** A manifest or an index of its own, as BuildKit writes either, or an image with its steps inside. */
async function stepsAt(place: Place, signal: AbortSignal): Promise<Map<string, FoundStep>> {
  let { descriptor, bytes } = await place.manifest(null);
  let parsed = parseManifestOrIndex(bytes, descriptor.mediaType);
  if (parsed.type === 'index') {
    const { manifests } = parsed.index;
    const config = manifests.find(({ mediaType }) => mediaType === cacheConfigType);
    if (config !== undefined) return parseCacheConfig(await readWhole(place, config, signal), manifests);
    ({ descriptor, bytes } = await place.manifest(selectManifest(parsed.index, platformOfNodeArch(process.arch)).digest));
    parsed = parseManifestOrIndex(bytes, descriptor.mediaType);
    if (parsed.type === 'index') throw noCache();
  }
  const config = await readWhole(place, parsed.manifest.config, signal);
  if (parsed.manifest.config.mediaType === cacheConfigType) return parseCacheConfig(config, parsed.manifest.layers);
  const steps = inlineSteps(config, parsed.manifest);
  if (steps === null) throw noCache();
  return steps;
}

function noCache(): OrlopError {
  return new OrlopError('not-found', 'BUILD_NO_CACHE', 'it is no build cache, and an image without one');
}

/** null: the image's config says nothing of its steps. */
function inlineSteps(config: Uint8Array, { layers }: Manifest): Map<string, FoundStep> | null {
  const text = (JSON.parse(Buffer.from(config).toString('utf8')) as Record<string, unknown> | null)?.[inlineCacheKey];
  return typeof text === 'string' ? parseCacheConfig(Buffer.from(text, 'base64'), layers) : null;
}

const longestConfig = 32 * 1024 * 1024;

async function readWhole(place: Place, blob: Descriptor, signal: AbortSignal): Promise<Buffer> {
  if (blob.size > longestConfig) throw new OrlopError('data-loss', 'BUILD_BAD_CACHE', 'the build cache has a config that is too long');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of place.read(blob, signal)) {
    chunks.push(Buffer.from(chunk));
    if ((length += chunk.length) > blob.size) break;
  }
  return Buffer.concat(chunks);
}
