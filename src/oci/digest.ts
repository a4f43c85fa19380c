import { OrlopError } from '#errors';

/** `algorithm:hex`, checked: `sha256:` and 64 lowercase hexadecimal digits. */
export type Digest = string & { readonly __digest: true };

export type DigestAlgorithm = 'sha256' | 'sha384' | 'sha512';

const hexLengths: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** True for a digest of a registered algorithm in canonical form (image-spec descriptor, "Digests"). */
export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, Math.max(colon, 0));
  if (!Object.hasOwn(hexLengths, algorithm)) return false;
  const hex = text.slice(colon + 1);
  return hex.length === hexLengths[algorithm as DigestAlgorithm] && /^[0-9a-f]+$/.test(hex);
}

/** Fails with invalid-argument `OCI_BAD_DIGEST` naming the text. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  const shown = text.length > 160 ? `${text.slice(0, 160)}…` : text;
  throw new OrlopError('invalid-argument', 'OCI_BAD_DIGEST', `bad digest ${JSON.stringify(shown)}`, {
    hint: 'write it as sha256: and 64 lowercase hexadecimal digits',
  });
}

/** Joins an algorithm and its hexadecimal value. */
export function formatDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex}`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The first twelve hexadecimal digits: how people name images. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}
