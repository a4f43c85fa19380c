import { createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto';
import { OrlopError } from '#errors';

export type Claims = Readonly<Record<string, unknown>>;

/** How each algorithm of RFC 7518 section 3.1 and RFC 8037 that we take is checked. Shared secrets (HS*) and `none` are not among them, on purpose. */
const algorithms: Readonly<Record<string, { readonly type: string; readonly hash: string | null; readonly curve?: string }>> = {
  RS256: { type: 'rsa', hash: 'sha256' },
  RS384: { type: 'rsa', hash: 'sha384' },
  RS512: { type: 'rsa', hash: 'sha512' },
  ES256: { type: 'ec', hash: 'sha256', curve: 'prime256v1' },
  ES384: { type: 'ec', hash: 'sha384', curve: 'secp384r1' },
  ES512: { type: 'ec', hash: 'sha512', curve: 'secp521r1' },
  EdDSA: { type: 'ed25519', hash: null },
};

const longestToken = 16_384;

export interface TrustedKeys {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly X509Certificate[];
}

/** Public keys and certificates in PEM, one after the other. Fails with invalid-argument `REGISTRY_TOKEN_KEY`. */
export function parseTrustedKeys(pem: string): TrustedKeys {
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
  try {
    const certificates = blocks.filter((block) => block.includes('BEGIN CERTIFICATE')).map((block) => new X509Certificate(block));
    const plain = blocks.filter((block) => block.includes('PUBLIC KEY')).map((block) => createPublicKey(block));
    const keys = [...plain, ...certificates.map(({ publicKey }) => publicKey)];
    if (keys.length > 0) return { keys, certificates };
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'REGISTRY_TOKEN_KEY', 'the key for tokens cannot be read', { cause });
  }
  throw new OrlopError('invalid-argument', 'REGISTRY_TOKEN_KEY', 'the key file has no public key and no certificate', {
    hint: 'give it in PEM',
  });
}

/** The claims of a token (RFC 7519) that one of the keys has signed; null for anything else. Times and audience are the caller's to judge. */
export function verifyToken(token: string, trusted: TrustedKeys, now: Date): Claims | null {
  const parts = token.length > longestToken ? [] : token.split('.');
  const [head = '', body = '', signature = ''] = parts;
  if (parts.length !== 3) return null;
  const header = parsePart(head);
  const algorithm = header === null || 'crit' in header || typeof header['alg'] !== 'string' ? undefined : algorithmOf(header['alg']);
  if (header === null || algorithm === undefined) return null;
  const own = 'x5c' in header ? keyOfChain(header['x5c'], trusted.certificates, now) : null;
  const keys = 'x5c' in header ? (own === null ? [] : [own]) : trusted.keys;
  const signed = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, 'base64url');
  const right = keys.some((key) => fits(key, algorithm) && verify(algorithm.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, bytes));
  return right ? parsePart(body) : null;
}

function algorithmOf(name: string) {
  return Object.hasOwn(algorithms, name) ? algorithms[name] : undefined;
}

function fits(key: KeyObject, algorithm: { readonly type: string; readonly curve?: string }): boolean {
  if (key.asymmetricKeyType !== algorithm.type) return false;
  return algorithm.curve === undefined || key.asymmetricKeyDetails?.namedCurve === algorithm.curve;
}

function parsePart(part: string): Claims | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : null;
  } catch {
    return null;
  }
}

const longestChain = 5;

/** The key of the first certificate in `x5c` (RFC 7515 section 4.1.6), when each is signed by the next and the last by one that is trusted. */
function keyOfChain(value: unknown, trusted: readonly X509Certificate[], now: Date): KeyObject | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > longestChain) return null;
  try {
    const chain = value.map((one) => new X509Certificate(Buffer.from(String(one), 'base64')));
    for (const [index, certificate] of chain.entries()) {
      if (now < certificate.validFromDate || now > certificate.validToDate) return null;
      if (trusted.some((root) => root.fingerprint256 === certificate.fingerprint256)) return chain[0]?.publicKey ?? null;
      const issuers = index + 1 < chain.length ? chain.slice(index + 1, index + 2) : trusted;
      const issuer = issuers.find((one) => one.ca && certificate.checkIssued(one) && certificate.verify(one.publicKey));
      if (issuer === undefined) return null;
      if (index + 1 === chain.length)
        return now >= issuer.validFromDate && now <= issuer.validToDate ? (chain[0]?.publicKey ?? null) : null;
    }
    return null;
  } catch {
    return null;
  }
}
