import { createReadStream } from 'node:fs';
import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { type Digest, digestAlgorithm, isDigest, shortDigest } from '#oci';
import type { Layout } from '../layout.ts';
import type { Blob, ContentStore } from '../types.ts';
import { hash } from './hash.ts';
import { ingestBlob } from './ingest.ts';
import type { VerifiedBlobs } from './verified.ts';

const smallBlobBytes = 16 * 1024 * 1024;

export function createContentStore(layout: Layout, verified: VerifiedBlobs): ContentStore {
  const size = async (digest: Digest): Promise<number> => {
    try {
      return (await stat(layout.blob(digest))).size;
    } catch (error) {
      throw isErrno(error, 'ENOENT') ? blobNotFound(digest) : error;
    }
  };
  return {
    ingest: (lease, source, options = {}) => ingestBlob({ layout, verified }, lease, source, options),
    async has(digest) {
      try {
        await stat(layout.blob(digest));
        return true;
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return false;
        throw error;
      }
    },
    size,
    read: (digest, range) => readBlob(layout.blob(digest), digest, range),
    async readBytes(digest, maxBytes = smallBlobBytes) {
      const bytes = await size(digest);
      if (bytes > maxBytes) {
        throw new OrlopError(
          'resource-exhausted',
          'STORE_BLOB_TOO_LARGE',
          `blob ${digest} has ${bytes} bytes, more than the ${maxBytes} allowed`,
        );
      }
      const data = await readFile(layout.blob(digest));
      if (hash(digestAlgorithm(digest), data) !== digest) throw damaged(digest);
      return data;
    },
    path: (digest) => layout.blob(digest),
    list: () => listBlobs(layout),
    async delete(digest) {
      try {
        await rm(layout.blob(digest));
        return true;
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return false;
        throw error;
      }
    },
  };
}

export function blobNotFound(digest: Digest): OrlopError {
  return new OrlopError('not-found', 'STORE_BLOB_NOT_FOUND', `blob ${digest} is not here`);
}

function damaged(digest: Digest): OrlopError {
  return new OrlopError('data-loss', 'STORE_BLOB_CORRUPT', `blob ${digest} is damaged on disk`, {
    hint: `remove the image that has ${shortDigest(digest)} and get it again`,
  });
}

async function* readBlob(path: string, digest: Digest, range?: { readonly start: number; readonly end: number }): AsyncIterable<Buffer> {
  // createReadStream's `end` is inclusive.
  if (range !== undefined && range.end <= range.start) return;
  const bounds = range === undefined ? {} : { start: range.start, end: range.end - 1 };
  try {
    yield* createReadStream(path, { highWaterMark: 1024 * 1024, ...bounds }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw isErrno(error, 'ENOENT') ? blobNotFound(digest) : error;
  }
}

async function listBlobs(layout: Layout): Promise<Blob[]> {
  const blobs: Blob[] = [];
  for (const algorithm of await readdir(layout.blobs)) {
    for (const hex of await readdir(join(layout.blobs, algorithm))) {
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) blobs.push({ digest, size: (await stat(layout.blob(digest))).size });
    }
  }
  return blobs;
}
