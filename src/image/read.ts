import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  maxImageConfigBytes,
  parseImageConfig,
  parseManifestOrIndex,
  type Manifest,
  type Platform,
  selectManifest,
} from '#oci';
import { chainIdOf, type Store } from '#store';
import { type Image, type ImageKind, imageLabels, type ImageLayer, parentAnnotation } from './types.ts';

/** An image without what the database knows of it. */
export type ImageContent = Omit<Image, 'names' | 'namedNs' | 'layerBytes' | 'sizeBytes'>;

/**
 * Reads manifest and config below `target`; for an index, those of `platform`. Fails with data-loss `IMAGE_DAMAGED` when a part is missing or
 * does not have its digest, with not-found `OCI_NO_PLATFORM`.
 */
export function readImage(store: Store, target: Digest, platform: Platform): ImageContent {
  const { digest: manifestDigest, manifest } = readManifest(store, target, platform);
  const config = parseImageConfig(readSmallBlob(store, manifest.config.digest));
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw damaged(target, `its config names ${diffIds.length} layers, its manifest ${manifest.layers.length}`);
  }
  const layers = manifest.layers.map((descriptor, index): ImageLayer => {
    const chain = diffIds.slice(0, index + 1);
    return { descriptor, diffId: chain.at(-1) as Digest, chainId: chainIdOf(chain) as Digest };
  });
  const labels = config.config?.Labels ?? {};
  return {
    id: manifest.config.digest,
    target,
    manifest: manifestDigest,
    config,
    layers,
    chain: layers.at(-1)?.chainId ?? null,
    kind: kindOf(labels),
    init: labels[imageLabels.init] ?? null,
    parent: manifest.annotations?.[parentAnnotation] ?? null,
    createdNs: parseTime(config.created),
  };
}

function readManifest(store: Store, target: Digest, platform: Platform, depth = 0): { digest: Digest; manifest: Manifest } {
  const parsed = parseManifestOrIndex(readSmallBlob(store, target));
  if (parsed.type === 'manifest') return { digest: target, manifest: parsed.manifest };
  // image-spec lets an index hold another; nobody nests deeper.
  if (depth > 3) throw damaged(target, 'indexes are nested too deep');
  return readManifest(store, selectManifest(parsed.index, platform).digest, platform, depth + 1);
}

function readSmallBlob(store: Store, digest: Digest): Buffer {
  try {
    const bytes = readFileSync(store.content.path(digest));
    if (bytes.length > maxImageConfigBytes) throw damaged(digest, 'it is too large to be a manifest or a config');
    if (createHash(digestAlgorithm(digest)).update(bytes).digest('hex') === digestHex(digest)) return bytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw damaged(digest, 'it is missing');
    throw error;
  }
  throw damaged(digest, 'its content has another digest');
}

function damaged(digest: Digest, what: string): OrlopError {
  return new OrlopError('data-loss', 'IMAGE_DAMAGED', `image content ${digest} is damaged: ${what}`, {
    hint: 'remove the image and make or fetch it again',
  });
}

export function kindOf(labels: Readonly<Record<string, string>>): ImageKind {
  return labels[imageLabels.kind] === 'system' ? 'system' : 'app';
}

/** RFC 3339 with up to nanoseconds; 0 for what is none. */
export function parseTime(text: string | undefined): bigint {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(text ?? '');
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  if (Number.isNaN(seconds)) return 0n;
  return BigInt(seconds) * 1_000_000n + BigInt((match?.[2] ?? '').padEnd(9, '0'));
}
