import { OrlopError } from '#errors';
import { type Descriptor, descriptorDecoder } from './descriptor.ts';
import { arrayOrNull, type Decoder, integer, object, optional, record, required, string } from './json/decode.ts';
import { parseJson } from './json/text.ts';
import { isIndexType, isManifestType, mediaTypes } from './media-types.ts';
import { formatPlatform, type Platform, rankPlatform } from './platform.ts';

/** An image: its configuration and its layers, base first. Docker's schema 2 and OCI's manifest have this same shape. */
export interface Manifest {
  readonly schemaVersion: number;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Manifests for several platforms: OCI's index and Docker's manifest list. */
export interface Index {
  readonly schemaVersion: number;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Registries accept no longer manifest (distribution-spec asks for at least 4 MiB). */
export const maxManifestBytes = 4 * 1024 * 1024;

const schemaVersion = integer(2, 2);

const manifestDecoder: Decoder<Manifest> = object<Manifest>({
  schemaVersion: required(schemaVersion),
  mediaType: optional(string),
  artifactType: optional(string),
  config: required(descriptorDecoder),
  layers: required(arrayOrNull(descriptorDecoder, 1000)),
  subject: optional(descriptorDecoder),
  annotations: optional(record(string)),
});

const indexDecoder: Decoder<Index> = object<Index>({
  schemaVersion: required(schemaVersion),
  mediaType: optional(string),
  artifactType: optional(string),
  manifests: required(arrayOrNull(descriptorDecoder, 10_000)),
  subject: optional(descriptorDecoder),
  annotations: optional(record(string)),
});

/**
 * A manifest or an index, told apart by media type and shape. `mediaType` is the type it was served or referred to with; a document
 * that says another one itself, or that is both shapes at once, is refused (image-spec's media-type confusion, CVE-2021-41190).
 */
export function parseManifestOrIndex(
  bytes: Uint8Array | string,
  mediaType?: string,
): { readonly type: 'manifest'; readonly manifest: Manifest } | { readonly type: 'index'; readonly index: Index } {
  const json = parseJson(bytes, { name: 'manifest', maxBytes: maxManifestBytes });
  const shape = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const own = typeof shape['mediaType'] === 'string' ? shape['mediaType'] : undefined;
  if (own !== undefined && mediaType !== undefined && own !== mediaType) throw badManifest(`says ${own} but was given as ${mediaType}`);
  const looksManifest = shape['config'] !== undefined || shape['layers'] !== undefined;
  const looksIndex = shape['manifests'] !== undefined;
  if (looksManifest && looksIndex) throw badManifest('is both a manifest and an index');
  const type = own ?? mediaType;
  if (type !== undefined && !isManifestType(type) && !isIndexType(type))
    throw badManifest(`has the unknown media type ${type.slice(0, 100)}`);
  if (type === undefined ? looksIndex : isIndexType(type)) return { type: 'index', index: indexDecoder(json, 'index') };
  return { type: 'manifest', manifest: manifestDecoder(json, 'manifest') };
}

/** Fails with invalid-argument `OCI_BAD_JSON` or `OCI_BAD_MANIFEST`. */
export function parseManifest(bytes: Uint8Array | string, mediaType?: string): Manifest {
  const parsed = parseManifestOrIndex(bytes, mediaType);
  if (parsed.type === 'index') throw badManifest('is an index, not a manifest');
  return parsed.manifest;
}

/** Fails with invalid-argument `OCI_BAD_JSON` or `OCI_BAD_MANIFEST`. */
export function parseIndex(bytes: Uint8Array | string, mediaType?: string): Index {
  const parsed = parseManifestOrIndex(bytes, mediaType);
  if (parsed.type === 'manifest') throw badManifest('is a manifest, not an index');
  return parsed.index;
}

/** The bytes to store and to digest: fixed order of properties, no white space. */
export function formatManifest(manifest: Manifest): string {
  const { schemaVersion: version, mediaType, artifactType, config, layers, subject, annotations } = manifest;
  return JSON.stringify({ schemaVersion: version, mediaType, artifactType, config, layers, subject, annotations });
}

export function formatIndex(index: Index): string {
  const { schemaVersion: version, mediaType, artifactType, manifests, subject, annotations } = index;
  return JSON.stringify({ schemaVersion: version, mediaType, artifactType, manifests, subject, annotations });
}

/**
 * The index's best manifest for a platform; a descriptor without platform serves any. Fails with not-found
 * `OCI_NO_PLATFORM` naming what there is.
 */
export function selectManifest(index: Index, wanted: Platform): Descriptor {
  let best: Descriptor | undefined;
  let bestRank = 0;
  for (const descriptor of index.manifests) {
    if (!isManifestType(descriptor.mediaType) && !isIndexType(descriptor.mediaType)) continue;
    const rank = descriptor.platform === undefined ? 1 : rankPlatform(wanted, descriptor.platform);
    if (rank > bestRank) [best, bestRank] = [descriptor, rank];
  }
  if (best !== undefined) return best;
  const offered = index.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === 'unknown' ? [] : [formatPlatform(platform)],
  );
  throw new OrlopError(
    'not-found',
    'OCI_NO_PLATFORM',
    `no manifest for ${formatPlatform(wanted)}; there is ${offered.join(', ') || 'none'}`,
  );
}

/** An OCI manifest of these parts. */
export function createManifest(
  config: Descriptor,
  layers: readonly Descriptor[],
  annotations?: Readonly<Record<string, string>>,
): Manifest {
  const base = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
  return annotations === undefined ? base : { ...base, annotations };
}

function badManifest(what: string): OrlopError {
  return new OrlopError('invalid-argument', 'OCI_BAD_MANIFEST', `manifest ${what}`);
}
