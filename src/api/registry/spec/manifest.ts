import { isOrlopError } from '#errors';
import {
  isDigest,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  maxManifestBytes,
  parseJson,
  parseManifestOrIndex,
  type Descriptor,
  type Digest,
} from '#oci';
import { refuse } from './errors.ts';

/** What the registry has to know of a manifest, whose bytes it keeps as they came. */
export interface ManifestFacts {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Digest;
  /** Blobs without which it is incomplete. */
  readonly blobs: readonly Digest[];
  /** What an index lists: manifests, and blobs where somebody lists blobs. */
  readonly manifests: readonly Digest[];
  /** Which of these had not been there when it was pushed. */
  readonly absent?: readonly Digest[];
}

/**
 * Reads a manifest, an index, or any other JSON object that says its type. `contentType` is the header it was pushed with. Fails with
 * MANIFEST_INVALID for what is none of them, is deeper than parsers should go, or contradicts its header.
 */
export function parsePushedManifest(bytes: Uint8Array, contentType: string | undefined): ManifestFacts {
  try {
    return readManifest(bytes, contentType);
  } catch (cause) {
    if (!isOrlopError(cause) || cause.code.startsWith('DISTRIBUTION_')) throw cause;
    throw refuse('MANIFEST_INVALID', cause.message, { cause });
  }
}

function readManifest(bytes: Uint8Array, contentType: string | undefined): ManifestFacts {
  const document = parseJson(bytes, { name: 'the manifest', maxBytes: maxManifestBytes });
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw refuse('MANIFEST_INVALID', 'the manifest is no JSON object');
  const own = 'mediaType' in document && typeof document.mediaType === 'string' ? document.mediaType : undefined;
  const said = contentType?.split(';')[0]?.trim().toLowerCase();
  const mediaType = said === undefined || said === '' || said === 'application/json' ? own : said;
  if (mediaType === undefined) throw refuse('MANIFEST_INVALID', 'the manifest tells its type neither in the header nor in mediaType');
  if (own !== undefined && own.toLowerCase() !== mediaType.toLowerCase())
    throw refuse('MANIFEST_INVALID', `the manifest says it is ${own} and came as ${mediaType}`);
  const type = own ?? mediaType;
  if (/manifest\.v1\+(json|prettyjws)$/.test(mediaType) && mediaType.includes('docker'))
    throw refuse('MANIFEST_INVALID', `${mediaType} is Docker's schema 1, which nobody should push any more`);
  if (isManifestType(type) || isIndexType(type)) return knownFacts(bytes, type);
  return { mediaType: type, ...subjectOf(document), blobs: [], manifests: [] };
}

function knownFacts(bytes: Uint8Array, mediaType: string): ManifestFacts {
  const parsed = parseManifestOrIndex(bytes, mediaType);
  if (parsed.type === 'index') {
    const { artifactType, annotations, subject, manifests } = parsed.index;
    return { ...described(mediaType, artifactType, annotations, subject), blobs: [], manifests: unique(manifests) };
  }
  const { artifactType, annotations, subject, config, layers } = parsed.manifest;
  // Foreign layers stay where their licence lets them be.
  const here = layers.filter((layer) => !isForeignLayerType(layer.mediaType));
  const type = artifactType === undefined || artifactType === '' ? config.mediaType : artifactType;
  return { ...described(mediaType, type, annotations, subject), blobs: unique([config, ...here]), manifests: [] };
}

function described(
  mediaType: string,
  artifactType: string | undefined,
  annotations: Readonly<Record<string, string>> | undefined,
  subject: Descriptor | undefined,
): Omit<ManifestFacts, 'blobs' | 'manifests'> {
  return {
    mediaType,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(subject === undefined ? {} : { subject: subject.digest }),
  };
}

/** Types that are new to us may point at a subject too; nothing else of theirs is read. */
function subjectOf(document: object): { readonly subject?: Digest } {
  const subject: unknown = 'subject' in document ? document.subject : undefined;
  if (typeof subject !== 'object' || subject === null || !('digest' in subject) || typeof subject.digest !== 'string') return {};
  return isDigest(subject.digest) ? { subject: subject.digest } : {};
}

function unique(descriptors: readonly Descriptor[]): readonly Digest[] {
  return [...new Set(descriptors.map(({ digest }) => digest))];
}
