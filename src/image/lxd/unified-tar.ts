import { type ByteText, createTarReader, decompress, endOfArchive, formatTarEntry, padding, type TarEntry } from '#store';
import { checkDocumentSize, createDocuments, type Documents, isDocument, plainPath, withoutDots } from './documents.ts';
import { badLxd } from './metadata.ts';

/** The root of a unified tarball as a tar of its own; the documents are whole when it has been read to its end. */
export interface UnifiedTar {
  readonly documents: Documents;
  readonly root: AsyncIterable<Buffer>;
}

const prefix = 'rootfs/';

/** Takes a unified tarball apart as it comes: `metadata.yaml`, `templates/…` and, as a tar, what is below `rootfs/`. Its order does not matter. */
export function splitUnified(source: AsyncIterable<Uint8Array>): UnifiedTar {
  const { documents, add } = createDocuments();
  return { documents, root: rootOf(source, add) };
}

async function* rootOf(source: AsyncIterable<Uint8Array>, add: ReturnType<typeof createDocuments>['add']): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let files = 0;
  let current: { readonly size: number; end: number } | { readonly path: string; readonly chunks: Buffer[] } | null = null;
  const reader = createTarReader({
    entry(entry) {
      const moved = moveOut(entry);
      current = null;
      if (moved !== null) {
        files += 1;
        pieces.push(formatTarEntry(moved));
        if (entry.type === 'file') current = { size: entry.size, end: 0 };
      } else if (entry.type === 'file' && isDocument(plainPath(entry.path))) {
        const path = plainPath(entry.path);
        checkDocumentSize(path, entry.size);
        current = { path, chunks: [] };
      }
    },
    data(chunk, offset) {
      if (current === null) return;
      // The reader's chunk is only good during this call.
      const copy = Buffer.from(chunk);
      if ('chunks' in current) return void current.chunks.push(copy);
      pushZeros(pieces, offset - current.end);
      pieces.push(copy);
      current.end = offset + chunk.length;
    },
    endOfFile() {
      if (current === null) return;
      if ('chunks' in current) return add(current.path, current.chunks);
      pushZeros(pieces, current.size - current.end);
      pieces.push(padding(current.size));
    },
  });
  for await (const chunk of decompress(source)) {
    reader.write(chunk);
    const ready = pieces;
    pieces = [];
    yield* ready;
  }
  reader.end();
  if (files === 0) throw badLxd('there is no rootfs/ in it');
  yield* pieces;
  yield endOfArchive();
}

/** An entry below `rootfs/` with the paths that it has in the root; null for any other. Holes become zeros. */
function moveOut(entry: TarEntry): TarEntry | null {
  const path = withoutDots(entry.path);
  if (path === 'rootfs' && entry.type === 'directory') return { ...entry, path: './' as ByteText };
  if (!path.startsWith(prefix)) return null;
  const target = withoutDots(entry.linkTarget);
  if (entry.type === 'link' && !target.startsWith(prefix)) throw badLxd(`${plainPath(path)} is a link to something outside of rootfs/`);
  return {
    ...entry,
    path: path.slice(prefix.length) as ByteText,
    linkTarget: entry.type === 'link' ? (target.slice(prefix.length) as ByteText) : entry.linkTarget,
  };
}

const zeros = Buffer.alloc(1024 * 1024);

function pushZeros(pieces: Buffer[], count: number): void {
  for (let left = count; left > 0; left -= zeros.length) pieces.push(zeros.subarray(0, Math.min(left, zeros.length)));
}
