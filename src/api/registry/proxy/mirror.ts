import { createHash } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { isOrlopError } from '#errors';
import type { Logger } from '#log';
import { digestAlgorithm, formatDigest, parseManifestOrIndex, type Descriptor, type Digest } from '#oci';
import { refuse } from '../spec/errors.ts';
import { parsePushedManifest } from '../spec/manifest.ts';
import type { Reference, RepositoryName, Tag } from '../spec/names.ts';
import type { Storage, StoredManifest } from '../storage/types.ts';
import type { Upstream, UpstreamManifest } from './upstream.ts';

/** Answers from the storage what is there, and from upstream what is not, which is stored on its way. */
export interface Mirror {
  /** Upstream is asked what a tag means each time; when it cannot be asked, what it meant last time counts. */
  findManifest(name: RepositoryName, reference: Reference, signal: AbortSignal): Promise<StoredManifest | null>;
  /** A blob that is not stored: only what a manifest that was asked for refers to, since nothing else tells its size. Null for any other. */
  describeBlob(name: RepositoryName, digest: Digest): Descriptor | null;
  /** Ends only when the content has proved right and is stored; a wrong one is cut short. */
  openBlob(name: RepositoryName, blob: Descriptor, signal: AbortSignal): Promise<Readable | null>;
}

export interface MirrorOptions {
  readonly storage: Storage;
  readonly upstream: Upstream;
  readonly logger: Logger;
}

export function createMirror({ storage, upstream, logger }: MirrorOptions): Mirror {
  const described = createDescriptions();
  async function fetchByDigest(
    name: RepositoryName,
    digest: Digest,
    tags: readonly Tag[],
    signal: AbortSignal,
  ): Promise<StoredManifest | null> {
    const here = await storage.readManifest(name, digest);
    if (here !== null && tags.length === 0) return here;
    const fetched =
      here === null ? await upstream.fetchManifest(name, { digest }, signal) : { mediaType: here.facts.mediaType, bytes: here.bytes };
    if (fetched === null) return null;
    const manifest = verifyManifest(digest, fetched);
    await storage.putManifest(name, manifest, tags);
    return manifest;
  }
  async function byTag(name: RepositoryName, tag: Tag, signal: AbortSignal): Promise<StoredManifest | null> {
    const known = await storage.readTag(name, tag);
    try {
      const digest = await upstream.resolveTag(name, tag, signal);
      return digest === null ? null : await fetchByDigest(name, digest, digest === known ? [] : [tag], signal);
    } catch (error) {
      if (known === null || signal.aborted) throw error;
      logger.warn('upstream cannot be asked, answering from the cache', { name, tag, error });
      return await storage.readManifest(name, known);
    }
  }
  return {
    async findManifest(name, reference, signal) {
      const asked = 'digest' in reference ? fetchByDigest(name, reference.digest, [], signal) : byTag(name, reference.tag, signal);
      const found = await asked.catch(explain);
      if (found !== null) described.learn(name, found);
      return found;
    },
    describeBlob: described.find,
    async openBlob(name, blob, signal) {
      const source = await upstream.openBlob(name, blob, signal).catch(explain);
      return source === null ? null : storeOnTheWay({ storage, logger, name, digest: blob.digest }, source);
    },
  };
}

function verifyManifest(digest: Digest, { bytes, mediaType }: UpstreamManifest): StoredManifest {
  const algorithm = digestAlgorithm(digest);
  if (formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex')) !== digest)
    throw refuse('UNAVAILABLE', `upstream sent another manifest than ${digest}`, { status: 502 });
  return { digest, bytes, facts: parsePushedManifest(bytes, mediaType) };
}

function explain(error: unknown): never {
  if (!isOrlopError(error) || error.code.startsWith('DISTRIBUTION_')) throw error;
  const status = error.kind === 'unavailable' || error.kind === 'deadline-exceeded' ? 503 : 502;
  throw refuse('UNAVAILABLE', `upstream did not give it: ${error.message}`, { status, cause: error });
}

const mostDescribed = 50_000;

function createDescriptions() {
  const known = new Map<string, Descriptor>();
  return {
    learn(name: RepositoryName, { bytes, facts }: StoredManifest): void {
      if (facts.blobs.length === 0) return;
      const parsed = parseManifestOrIndex(bytes, facts.mediaType);
      if (parsed.type === 'index') return;
      if (known.size > mostDescribed) known.clear();
      for (const blob of [parsed.manifest.config, ...parsed.manifest.layers]) known.set(`${name}@${blob.digest}`, blob);
    },
    find: (name: RepositoryName, digest: Digest): Descriptor | null => known.get(`${name}@${digest}`) ?? null,
  };
}

interface Destination {
  readonly storage: Storage;
  readonly logger: Logger;
  readonly name: RepositoryName;
  readonly digest: Digest;
}

function storeOnTheWay({ storage, logger, name, digest }: Destination, source: AsyncIterable<Uint8Array>): Readable {
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  async function* tee(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (!out.write(chunk)) await drained(out);
      yield chunk;
    }
  }
  const run = async (): Promise<void> => {
    const upload = await storage.beginUpload(name, digestAlgorithm(digest));
    try {
      await upload.append(tee());
      await upload.commit(digest);
      out.end();
    } catch (error) {
      await upload.cancel();
      throw error;
    }
  };
  run().catch((error: unknown) => {
    logger.warn('a blob could not be fetched from upstream', { name, digest, error });
    out.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return out;
}

function drained(out: PassThrough): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (): void => {
      out.off('drain', finish).off('close', finish);
      if (out.destroyed) reject(new Error('the client has gone'));
      else resolve();
    };
    out.on('drain', finish).on('close', finish);
    if (out.destroyed) finish();
  });
}
