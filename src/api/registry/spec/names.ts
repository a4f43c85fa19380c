import { isDigest, type Digest } from '#oci';
import { refuse } from './errors.ts';

/** A repository name, checked against the grammar of distribution-spec "Pulling manifests"; safe as a relative path. */
export type RepositoryName = string & { readonly __repositoryName: true };
/** A tag, checked; safe as a file name. */
export type Tag = string & { readonly __tag: true };
export type Reference = { readonly tag: Tag } | { readonly digest: Digest };

const longestName = 255;
const namePattern = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

export function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= longestName && namePattern.test(text);
}

/** Fails with NAME_INVALID. */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryName(text)) return text;
  throw refuse('NAME_INVALID', `bad repository name ${shown(text)}`, {
    hint: 'use lowercase letters, digits, single separators and at most 255 characters',
  });
}

export function isTag(text: string): text is Tag {
  return tagPattern.test(text);
}

/** Fails with DIGEST_INVALID: not a digest, or of an algorithm that is not supported. */
export function parseBlobDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw refuse('DIGEST_INVALID', `bad digest ${shown(text)}`, { hint: 'give sha256, sha384 or sha512 with lowercase hexadecimal digits' });
}

/** A tag, or with a colon a digest; null for what can be neither, so that nobody can have it. Fails with DIGEST_INVALID for a bad digest. */
export function parseReference(text: string): Reference | null {
  if (text.includes(':')) return { digest: parseBlobDigest(text) };
  return isTag(text) ? { tag: text } : null;
}

export function shown(text: string): string {
  return JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
}
