import { OrlopError } from '#errors';
import { type Digest, isDigest } from './digest.ts';

/** An image's name, complete: `docker.io`, `library/debian`, then a tag, a digest, both or neither. */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultDomain = 'docker.io';
const officialPrefix = 'library/';
/** Of the path, without the domain (distribution/reference, RepositoryNameTotalLengthMax). */
const maxPathLength = 255;
/** Longer than any valid reference: 253 + 255 + 129 + 137 characters. */
const maxReferenceLength = 1024;

const domainPattern =
  /^(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::[0-9]+)?$/;
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Docker's rules for what people type: `debian` is `docker.io/library/debian`; the first part is a domain only when it has a dot or a
 * colon, is `localhost`, or has capitals. No tag is added: see `withDefaultTag`. Fails with invalid-argument `OCI_BAD_REFERENCE`.
 */
export function parseReference(text: string): Reference {
  if (text === '' || text.length > maxReferenceLength) throw badReference(text, text === '' ? 'it is empty' : 'it is too long');
  if (/^[0-9a-f]{64}$/.test(text)) throw badReference(text, 'a name cannot be 64 hexadecimal digits');
  const { name, tag, digest } = splitSuffix(text);
  const { domain, path } = splitDomain(name);
  checkName(text, domain, path);
  return { domain, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** Adds `:latest` to a reference that has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** The complete form, `docker.io/library/debian:trixie`. */
export function formatReference(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** The form people read: without `docker.io/` and `library/`. */
export function familiarReference(reference: Reference): string {
  return `${familiarName(reference)}${suffix(reference)}`;
}

/** The familiar form without tag and digest: what `images` shows as repository. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== defaultDomain) return `${reference.domain}/${reference.path}`;
  const short = reference.path.startsWith(officialPrefix) ? reference.path.slice(officialPrefix.length) : reference.path;
  return short.includes('/') ? reference.path : short;
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function splitSuffix(text: string): { name: string; tag?: string; digest?: Digest } {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw badReference(text, `its digest ${JSON.stringify(digest)} is malformed`);
  const rest = at < 0 ? text : text.slice(0, at);
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const tag = hasTag ? rest.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagPattern.test(tag)) throw badReference(text, `its tag ${JSON.stringify(tag)} is malformed`);
  return { name: hasTag ? rest.slice(0, colon) : rest, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const domain = !isDomain || first === 'index.docker.io' ? defaultDomain : first;
  const path = isDomain ? name.slice(slash + 1) : name;
  return { domain, path: domain === defaultDomain && !path.includes('/') ? `${officialPrefix}${path}` : path };
}

function checkName(text: string, domain: string, path: string): void {
  if (!domainPattern.test(domain)) throw badReference(text, `its registry ${JSON.stringify(domain)} is malformed`);
  if (path !== path.toLowerCase()) throw badReference(text, `repository name (${path.slice(0, 200)}) must be lowercase`);
  if (!pathPattern.test(path)) throw badReference(text, 'the repository name is malformed');
  if (path.length > maxPathLength) throw badReference(text, `the repository name is longer than ${maxPathLength} characters`);
}

function badReference(text: string, reason: string): OrlopError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return new OrlopError('invalid-argument', 'OCI_BAD_REFERENCE', `invalid reference format: ${reason}`, {
    hint: `${JSON.stringify(shown)}: write it as name:tag or registry/name:tag`,
  });
}
