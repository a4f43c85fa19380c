import { OrlopError } from '#errors';
import { isDigest } from '#oci';
import { type Blob, type Lease, readTarMembers, type Store } from '#store';

/** What an archive of images consists of: texts in memory, all else stored as blobs already. Paths without leading `./`. */
export interface ArchiveFiles {
  readonly texts: ReadonlyMap<string, Buffer>;
  /** By path, links followed. */
  blob(path: string): Blob | undefined;
}

/** More files than any archive of images has. */
const maxFiles = 200_000;
const maxTextBytes = 16 * 1024 * 1024;
const maxAllTextBytes = 64 * 1024 * 1024;

/**
 * Reads a whole archive (plain, gzip, zstd, xz, bzip2, lz4) and stores what it holds; the lease keeps it. A file in `blobs/` must have the digest that its
 * name says. Fails with invalid-argument, data-loss or resource-exhausted; what was stored until then is garbage.
 */
export async function readArchiveFiles(
  store: Store,
  lease: Lease,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<ArchiveFiles> {
  const texts = new Map<string, Buffer>();
  const storing = createStoring(store, lease, signal);
  const links = new Map<string, string>();
  let files = 0;
  let textBytes = 0;
  await using _ = storing;
  for await (const { entry, content } of readTarMembers(source)) {
    signal?.throwIfAborted();
    if (++files > maxFiles) throw badArchive(`it has more than ${maxFiles} files`);
    const path = cleanPath(Buffer.from(entry.path, 'latin1').toString());
    if (entry.type === 'symlink') links.set(path, resolveLink(path, Buffer.from(entry.linkTarget, 'latin1').toString()));
    else if (entry.type === 'link') links.set(path, cleanPath(Buffer.from(entry.linkTarget, 'latin1').toString()));
    else if (entry.type === 'file' && isText(path)) {
      textBytes += entry.size;
      if (entry.size > maxTextBytes || textBytes > maxAllTextBytes) throw badArchive(`${path} is too long`);
      texts.set(path, await collect(content));
    } else if (entry.type === 'file') await storing.add(path, content, entry.size);
    else if (entry.type !== 'directory') throw badArchive(`${path} is a ${entry.type}`);
  }
  const blobs = await storing.finish();
  return { texts, blob: (path) => follow(path, blobs, links) };
}

/** What is read is stored while the archive goes on: no blob waits for those before it to be on disk. */
interface Storing extends AsyncDisposable {
  /** Resolves when the content has been read. A failure of one comes with this or a later call. */
  add(path: string, content: AsyncIterable<Buffer>, sizeBytes: number): Promise<void>;
  finish(): Promise<ReadonlyMap<string, Blob>>;
}

/** That many blobs may be on their way to the disk. */
const maxUnfinished = 4;

function createStoring(store: Store, lease: Lease, signal: AbortSignal | undefined): Storing {
  const blobs = new Map<string, Promise<Blob>>();
  const unfinished = new Set<Promise<unknown>>();
  return {
    async add(path, content, size) {
      const digest = digestOfPath(path);
      const options = { size, ...(digest === null ? {} : { digest }), ...(signal === undefined ? {} : { signal }) };
      const read = Promise.withResolvers<void>();
      const blob = store.content.ingest(lease, withEnd(content, read.resolve), options);
      blobs.set(path, blob);
      unfinished.add(blob);
      // One that fails stays, and is met by whoever waits next.
      blob.then(
        () => unfinished.delete(blob),
        () => undefined,
      );
      await Promise.race([read.promise, blob]);
      if (unfinished.size > maxUnfinished) await Promise.race(unfinished);
    },
    async finish() {
      const whole = new Map<string, Blob>();
      for (const [path, blob] of blobs) whole.set(path, await blob);
      return whole;
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(unfinished);
    },
  };
}

async function* withEnd(content: AsyncIterable<Buffer>, onEnd: () => void): AsyncIterable<Buffer> {
  yield* content;
  onEnd();
}

/** The documents that say what the rest is: those of Docker's archives, old and new, and of OCI's layout. */
function isText(path: string): boolean {
  return ['manifest.json', 'repositories', 'index.json', 'oci-layout'].includes(path) || /^[^/]+\/(?:json|VERSION)$/.test(path);
}

function digestOfPath(path: string): Blob['digest'] | null {
  const match = /^blobs\/([a-z0-9]+)\/([0-9a-f]+)$/.exec(path);
  const digest = `${match?.[1]}:${match?.[2]}`;
  return isDigest(digest) ? digest : null;
}

/** Archives before Docker 1.10 link one image's layer to another's. */
function follow(path: string, blobs: ReadonlyMap<string, Blob>, links: ReadonlyMap<string, string>): Blob | undefined {
  let next: string | undefined = cleanPath(path);
  for (let steps = 0; next !== undefined && steps < 16; steps += 1) {
    const found = blobs.get(next);
    if (found !== undefined) return found;
    next = links.get(next);
  }
  return undefined;
}

/** These paths are keys and never reach a file system. */
function cleanPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

function resolveLink(path: string, target: string): string {
  const parts = path.split('/').slice(0, -1);
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

async function collect(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export function badArchive(what: string, hint?: string): OrlopError {
  return new OrlopError(
    'invalid-argument',
    'IMAGE_BAD_ARCHIVE',
    `this archive of images cannot be read: ${what}`,
    hint === undefined ? {} : { hint },
  );
}
