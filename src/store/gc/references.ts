import { readFileSync, statSync } from 'node:fs';
import { isErrno } from '#errors';
import { type Digest, maxImageConfigBytes, parseImageConfig, parseManifestOrIndex } from '#oci';
import { chainIdsOf } from '../layers/chain.ts';
import type { Layout } from '../layout.ts';
import type { ChainId } from '../types.ts';

/** What one manifest or index refers to, one step away. */
export interface References {
  readonly blobs: readonly Digest[];
  readonly chains: readonly ChainId[];
  readonly manifests: readonly Digest[];
}

/** Content never changes, so what a manifest refers to is worth remembering: marking is then quick enough to be done in one go. */
export type ReferenceCache = Map<Digest, References>;

const nothing: References = { blobs: [], chains: [], manifests: [] };

/** Of a manifest that is not here or not one: nothing. Half an image is kept as far as it is there, and asked again the next time. */
export function referencesOf(layout: Layout, cache: ReferenceCache, manifest: Digest): References {
  const known = cache.get(manifest);
  if (known !== undefined) return known;
  const bytes = readSmall(layout, manifest);
  const parsed = bytes === null ? null : tryParse(() => parseManifestOrIndex(bytes));
  if (parsed === null) return nothing;
  if (parsed.type === 'index')
    return remember(cache, manifest, { ...nothing, manifests: parsed.index.manifests.map(({ digest }) => digest) });
  const { config, layers, subject } = parsed.manifest;
  const configBytes = readSmall(layout, config.digest);
  const image = configBytes === null ? null : tryParse(() => parseImageConfig(configBytes));
  const references = {
    blobs: [config.digest, ...layers.map(({ digest }) => digest)],
    // The config of an artefact that is no image says nothing of layers.
    chains: image === null ? [] : chainIdsOf(image.rootfs.diff_ids),
    manifests: subject === undefined ? [] : [subject.digest],
  };
  return configBytes === null ? references : remember(cache, manifest, references);
}

function remember(cache: ReferenceCache, manifest: Digest, references: References): References {
  cache.set(manifest, references);
  return references;
}

function tryParse<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch {
    return null;
  }
}

function readSmall(layout: Layout, digest: Digest): Buffer | null {
  try {
    const path = layout.blob(digest);
    return statSync(path).size > maxImageConfigBytes ? null : readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
