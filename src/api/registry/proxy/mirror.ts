import { createHash } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { digestAlgorithm, formatDigest, type Digest } from '#oci';
import type { Logger } from '#log';
import { refuse } from '../spec/errors.ts';
import { parsePushedManifest } from '../spec/manifest.ts';
import type { Reference, RepositoryName, Tag } from '../spec/names.ts';
import type { Storage, StoredManifest } from '../storage/types.ts';
import type { Upstream, UpstreamManifest } from './upstream.ts';

/** Answers from the storage what is there, and from upstream what is not, which is stored on its way. */
export interface Mirror {
  /** Upstream is asked what a tag means each time; when it cannot be asked, what it meant last time counts. */
  findManifest(name: RepositoryName, reference: Reference, signal: AbortSignal): Promise<StoredManifest | null>;
  blobSize(name: RepositoryName, digest: Digest, signal: AbortSignal): Promise<number | null>;
  openBlob(
    name: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly size: number | null; readonly stream: Readable } | null>;
}

export function createMirror({ storage, upstream, logger }: { storage: Storage; upstream: Upstream; logger: Logger }): Mirror {
  async function byDigest(name: RepositoryName, digest: Digest, signal: AbortSignal): Promise<StoredManifest | null> {
    const here = await storage.readManifest(name, digest);
    if (here !== null) return here;
    const fetched = await upstream.fetchManifest(name, { digest }, signal);
    return fetched === null ? null : await keep(name, digest, fetched, []);
  }
  async function keep(name: RepositoryName, digest: Digest, fetched: UpstreamManifest, tags: readonly Tag[]): Promise<StoredManifest> {
    const real = formatDigest(digestAlgorithm(digest), createHash(digestAlgorithm(digest)).update(fetched.bytes).digest('hex'));
    if (real !== digest) throw refuse('UNAVAILABLE', `upstream sent another manifest than ${digest}`, { status: 502 });
    const manifest = { digest, bytes: fetched.bytes, facts: parsePushedManifest(fetched.bytes, fetched.mediaType) };
    await storage.putManifest(name, manifest, tags);
    return manifest;
  }
  async function byTag(name: RepositoryName, tag: Tag, signal: AbortSignal): Promise<StoredManifest | null> {
    const known = await storage.readTag(name, tag);
    try {
      const digest = await upstream.resolveTag(name, tag, signal);
      if (digest === null) return null;
      const here = digest === known ? await storage.readManifest(name, digest) : null;
      if (here !== null) return here;
      const fetched = await upstream.fetchManifest(name, { digest }, signal);
      return fetched === null ? null : await keep(name, digest, fetched, [tag]);
    } catch (error) {
      if (known === null || signal.aborted) throw asUnavailable(error);
      logger.warn('upstream cannot be asked, answering from the cache', { name, tag, error });
      return await storage.readManifest(name, known);
    }
  }
  return {
    findManifest: (name, reference, signal) =>
      'digest' in reference ? byDigest(name, reference.digest, signal).catch(rethrow) : byTag(name, reference.tag, signal),
    async blobSize(name, digest, signal) {
      const fetched = await upstream.openBlob(name, digest, signal).catch(rethrow);
      fetched?.stream.destroy();
      return fetched === null ? null : fetched.size;
    },
    async openBlob(name, digest, signal) {
      const fetched = await upstream.openBlob(name, digest, signal).catch(rethrow);
      if (fetched === null) return null;
      return { size: fetched.size, stream: storeOnTheWay({ storage, logger, name, digest }, fetched.stream) };
    },
  };
}

function asUnavailable(error: unknown): unknown {
  return error instanceof Error &&
    'kind' in error &&
    error.kind === 'unavailable' &&
    !('code' in error && String(error.code).startsWith('REGISTRY_'))
    ? refuse('UNAVAILABLE', `upstream cannot be asked: ${error.message}`, { cause: error })
    : error;
}

function rethrow(error: unknown): never {
  throw asUnavailable(error);
}

interface Destination {
  readonly storage: Storage;
  readonly logger: Logger;
  readonly name: RepositoryName;
  readonly digest: Digest;
}

/** The client's stream ends only when the content has proved right and is stored; a wrong one is cut short. */
function storeOnTheWay({ storage, logger, name, digest }: Destination, source: Readable): Readable {
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  async function* tee(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      if (!out.write(chunk)) await drained(out);
      yield chunk as Uint8Array;
    }
  }
  const run = async (): Promise<void> => {
    const upload = await storage.beginUpload(name, digestAlgorithm(digest));
    try {
      await upload.append(tee());
      await upload.commit(digest);
      out.end();
    } catch (error) {
      await upload.cancel().catch(() => undefined);
      throw error;
    }
  };
  run().catch((error: unknown) => {
    logger.warn('a blob could not be fetched from upstream', { name, digest, error });
    source.destroy();
    out.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return out;
}

function drained(out: PassThrough): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      out.off('drain', done).off('close', gone);
      resolve();
    };
    const gone = (): void => {
      out.off('drain', done).off('close', gone);
      reject(new Error('the client has gone'));
    };
    out.on('drain', done).on('close', gone);
  });
}
