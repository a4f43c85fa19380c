import { createHash } from 'node:crypto';
import { digestAlgorithm, formatDigest, maxManifestBytes, type Digest, type DigestAlgorithm } from '#oci';
import type { Call, Registry } from '../registry.ts';
import { refuse } from '../spec/errors.ts';
import { parsePushedManifest, type ManifestFacts } from '../spec/manifest.ts';
import { isTag, parseReference, shown, type RepositoryName, type Tag } from '../spec/names.ts';
import { matchesTag } from '../spec/ranges.ts';
import type { StoredManifest } from '../storage/types.ts';

/** GET and HEAD of a manifest, as it was pushed; what the client would rather accept changes nothing (distribution-spec "Pulling manifests"). */
export async function sendManifest({ registry, exchange }: Call, name: RepositoryName, text: string): Promise<void> {
  const manifest = await findManifest(registry, name, text, exchange.signal);
  if (manifest === null) throw unknown(name, text);
  const { digest, bytes, facts } = manifest;
  const headers = { 'Content-Type': facts.mediaType, 'Docker-Content-Digest': digest, ETag: `"${digest}"` };
  if (matchesTag(exchange.header('if-none-match'), headers.ETag)) return exchange.answer(304, headers);
  exchange.answer(200, headers, bytes);
}

async function findManifest(registry: Registry, name: RepositoryName, text: string, signal: AbortSignal): Promise<StoredManifest | null> {
  const reference = parseReference(text);
  if (reference === null) return null;
  const { storage, mirror } = registry;
  if (mirror !== null) return await mirror.findManifest(name, reference, signal);
  const digest = 'digest' in reference ? reference.digest : await storage.readTag(name, reference.tag);
  return digest === null ? null : await storage.readManifest(name, digest);
}

/** PUT by tag or digest (distribution-spec "Pushing manifests"). `?tag=` gives a manifest that is put by digest tags as well. */
export async function putManifest({ registry, exchange }: Call, name: RepositoryName, text: string): Promise<void> {
  const reference = parseReference(text);
  if (reference === null) throw refuse('TAG_INVALID', `bad tag ${shown(text)}`, { hint: 'use at most 128 letters, digits, _ . and -' });
  const tags = 'tag' in reference ? [reference.tag] : extraTags(exchange.query);
  const bytes = await exchange.readBody(maxManifestBytes, () =>
    refuse('MANIFEST_INVALID', `the manifest has more than ${maxManifestBytes} bytes`, { status: 413 }),
  );
  const algorithm = 'digest' in reference ? digestAlgorithm(reference.digest) : 'sha256';
  const digest = digestOf(bytes, algorithm);
  if ('digest' in reference && reference.digest !== digest)
    throw refuse('DIGEST_INVALID', `the manifest has the digest ${digest}, not ${reference.digest}`);
  const facts = parsePushedManifest(bytes, exchange.header('content-type'));
  const absent = await findAbsent(registry, name, facts);
  if (absent.length > 0 && !registry.sparse) throw incomplete(name, absent);
  for (const tag of tags) await requireMovable(registry, name, tag, digest);
  await registry.storage.putManifest(name, { digest, bytes, facts: absent.length === 0 ? facts : { ...facts, absent } }, tags);
  exchange.answer(201, {
    Location: `/v2/${name}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ...(facts.subject === undefined ? {} : { 'OCI-Subject': facts.subject }),
    ...('digest' in reference && tags.length > 0 ? { 'OCI-Tag': tags.join(', ') } : {}),
  });
}

const mostExtraTags = 10;

function extraTags(query: URLSearchParams): readonly Tag[] {
  const tags = query.getAll('tag');
  if (tags.length > mostExtraTags) throw refuse('TAG_INVALID', `${tags.length} tags at once are too many`, { status: 414 });
  return tags.map((tag) => {
    if (!isTag(tag)) throw refuse('TAG_INVALID', `bad tag ${shown(tag)}`);
    return tag;
  });
}

function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm): Digest {
  return formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

/** What a manifest refers to and the repository has not. Its subject may always be missing. */
async function findAbsent({ storage }: Registry, name: RepositoryName, facts: ManifestFacts): Promise<readonly Digest[]> {
  const absent: Digest[] = [];
  for (const digest of facts.blobs) if ((await storage.blobSize(name, digest)) === null) absent.push(digest);
  for (const digest of facts.manifests)
    if (!(await storage.hasManifest(name, digest)) && (await storage.blobSize(name, digest)) === null) absent.push(digest);
  return absent;
}

/** Whatever can be pulled can be pulled whole, unless the operator wants it otherwise. */
function incomplete(name: RepositoryName, absent: readonly Digest[]): Error {
  return refuse('MANIFEST_BLOB_UNKNOWN', `${name} has no ${absent.slice(0, 3).join(', ')}${absent.length > 3 ? ', …' : ''}`, {
    hint: 'push what a manifest refers to before it',
    detail: { digest: absent[0] },
  });
}

async function requireMovable({ storage, policy }: Registry, name: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
  if (!policy.isImmutable(name, tag)) return;
  const current = await storage.readTag(name, tag);
  if (current !== null && current !== digest) throw immutable(name, tag);
}

/** DELETE of a tag, or of a manifest with all its tags (distribution-spec "Content management"). */
export async function deleteManifest({ registry, exchange }: Call, name: RepositoryName, text: string): Promise<void> {
  const { storage, policy } = registry;
  const reference = parseReference(text);
  if (reference === null) throw unknown(name, text);
  if ('tag' in reference) {
    if (policy.isImmutable(name, reference.tag) && (await storage.readTag(name, reference.tag)) !== null)
      throw immutable(name, reference.tag);
    if (!(await storage.removeTag(name, reference.tag))) throw unknown(name, text);
    return exchange.answer(202);
  }
  const tags = (await storage.listTags(name)) ?? [];
  const bound = tags.find(({ tag, digest }) => digest === reference.digest && policy.isImmutable(name, tag));
  if (bound !== undefined) throw immutable(name, bound.tag);
  if (!(await storage.removeManifest(name, reference.digest))) throw unknown(name, text);
  exchange.answer(202);
}

function immutable(name: RepositoryName, tag: Tag): Error {
  return refuse('DENIED', `the tag ${name}:${tag} is immutable`, { status: 409, hint: 'push under another tag' });
}

function unknown(name: RepositoryName, text: string): Error {
  return refuse('MANIFEST_UNKNOWN', `${name} has no manifest ${shown(text)}`, { detail: { name, reference: text.slice(0, 160) } });
}
