import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { type Digest, digestAlgorithm } from '#oci';
import { syncDirectory } from '#sys';
import { diskError } from '../disk-errors.ts';
import type { Layout } from '../layout.ts';
import type { Blob, IngestOptions, Lease } from '../types.ts';
import { createBlockWriter } from './block-writer.ts';
import { createRunningHash } from './hash.ts';
import type { VerifiedBlobs } from './verified.ts';

interface IngestParts {
  readonly layout: Layout;
  readonly verified: VerifiedBlobs;
}

type Source = AsyncIterable<Uint8Array> | Uint8Array | string;

/**
 * Writes a blob to a temporary file while hashing it, then fdatasync, rename, fsync of the directory. Two ingests of one blob do not disturb each
 * other: the later rename replaces equal bytes by equal bytes.
 */
export async function ingestBlob({ layout, verified }: IngestParts, lease: Lease, source: Source, options: IngestOptions): Promise<Blob> {
  const known = options.digest === undefined ? null : await findBlob(layout, lease, options.digest);
  if (known !== null) {
    if (isIterable(source))
      source[Symbol.asyncIterator]()
        .return?.()
        .catch(() => undefined);
    return known;
  }
  const what = options.digest === undefined ? 'a new blob' : `blob ${options.digest}`;
  const temporary = layout.temporary('blob');
  try {
    const blob = await writeVerified(temporary, source, options, what);
    const path = layout.blob(blob.digest);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // Held before it can be seen: garbage collection must not come between.
    lease.hold({ blob: blob.digest });
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    verified.add(lease, blob.digest);
    return blob;
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(error, what, layout.root);
  }
}

async function findBlob(layout: Layout, lease: Lease, digest: Digest): Promise<Blob | null> {
  lease.hold({ blob: digest });
  try {
    return { digest, size: (await stat(layout.blob(digest))).size };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

async function writeVerified(temporary: string, source: Source, options: IngestOptions, what: string): Promise<Blob> {
  const { digest: wanted, size: wantedSize, signal } = options;
  const hash = createRunningHash(wanted === undefined ? 'sha256' : digestAlgorithm(wanted));
  await using file = await open(temporary, 'wx', 0o600);
  const blocks = createBlockWriter(file);
  let size = 0;
  for await (const chunk of chunksOf(source)) {
    throwIfAborted(signal, what);
    size += chunk.length;
    if (wantedSize !== undefined && size > wantedSize) throw corrupt(what, `more than the ${wantedSize} bytes announced`);
    hash.update(chunk);
    await blocks.write(chunk);
  }
  throwIfAborted(signal, what);
  if (wantedSize !== undefined && size !== wantedSize) throw corrupt(what, `${size} bytes, not the ${wantedSize} announced`);
  const digest = hash.finish();
  if (wanted !== undefined && digest !== wanted) throw corrupt(what, `the content's digest is ${digest}`);
  await blocks.finish();
  return { digest, size };
}

function isIterable(source: Source): source is AsyncIterable<Uint8Array> {
  return typeof source !== 'string' && !(source instanceof Uint8Array);
}

async function* chunksOf(source: Source): AsyncIterable<Uint8Array> {
  if (typeof source === 'string') yield Buffer.from(source);
  else if (source instanceof Uint8Array) yield source;
  else yield* source;
}

function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true)
    throw new OrlopError('cancelled', 'STORE_CANCELLED', `writing ${what} was cancelled`, { cause: signal.reason });
}

function corrupt(what: string, how: string): OrlopError {
  return new OrlopError('data-loss', 'STORE_BLOB_CORRUPT', `${what} arrived damaged: ${how}`, {
    hint: 'try again; the source may be broken',
  });
}
