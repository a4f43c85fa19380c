import { createHash, type Hash } from 'node:crypto';
import { decompress, readFileChunks } from '../compression.ts';
import type { ByteText } from '../tar/byte-text.ts';
import type { TarEntry } from '../tar/header.ts';
import { createTarReader } from '../tar/reader.ts';
import { normalizeTreePath } from './tree-path.ts';

/** A whole tree as a tar, packed or not: a file, or something that gives its bytes afresh at each call. */
export type TreeSource = { readonly file: string } | (() => AsyncIterable<Uint8Array>);

/** What counts when two trees are compared; times do not. */
export interface IndexedEntry {
  /** Which entry of the archive has the last word about this path. */
  readonly ordinal: number;
  readonly isDirectory: boolean;
  /** Equal for equal files. Names of one file share it. */
  readonly fingerprint: string;
  /** The first name of a file with several; null for all others. */
  readonly linkedTo: ByteText | null;
}

/** Paths of a tree (the root is empty) with what stands there. */
export type TreeIndex = ReadonlyMap<ByteText, IndexedEntry>;

export function chunksOfTree(source: TreeSource): AsyncIterable<Buffer> {
  return decompress('file' in source ? readFileChunks(source.file) : source());
}

/** Reads a whole archive; content is digested, not kept. */
export async function indexTree(source: TreeSource): Promise<TreeIndex> {
  const index = new Map<ByteText, IndexedEntry>();
  let ordinal = -1;
  let file: { readonly entry: TarEntry; readonly hash: Hash; end: number } | null = null;
  const reader = createTarReader({
    entry(entry) {
      ordinal += 1;
      const path = normalizeTreePath(entry.path);
      if (entry.type === 'file') file = { entry, hash: createHash('sha256'), end: 0 };
      else if (entry.type === 'link') addLink(index, path, normalizeTreePath(entry.linkTarget), ordinal);
      else index.set(path, { ordinal, isDirectory: entry.type === 'directory', fingerprint: fingerprintOf(entry, ''), linkedTo: null });
    },
    data(chunk, offset) {
      if (file === null) return;
      // A hole counts as the zeros it reads as, cheaply: by where data stands, which is the same for the same file.
      if (offset !== file.end) file.hash.update(`hole to ${offset}\n`);
      file.hash.update(chunk);
      file.end = offset + chunk.length;
    },
    endOfFile() {
      if (file === null) return;
      const fingerprint = fingerprintOf(file.entry, file.hash.digest('hex'));
      index.set(normalizeTreePath(file.entry.path), { ordinal, isDirectory: false, fingerprint, linkedTo: null });
      file = null;
    },
  });
  for await (const chunk of chunksOfTree(source)) reader.write(chunk);
  reader.end();
  return index;
}

function addLink(index: Map<ByteText, IndexedEntry>, path: ByteText, target: ByteText, ordinal: number): void {
  const found = index.get(target);
  const linkedTo = found?.linkedTo ?? target;
  index.set(path, { ordinal, isDirectory: false, fingerprint: found?.fingerprint ?? `link ${target}`, linkedTo });
  if (found !== undefined && found.linkedTo === null) index.set(target, { ...found, linkedTo: target });
}

function fingerprintOf(entry: TarEntry, content: string): string {
  const attributes = [...entry.xattrs].map(([name, value]) => `${name}=${value.toString('base64')}`).sort();
  const mode = entry.type === 'symlink' ? 0 : entry.mode;
  return [entry.type, mode, entry.uid, entry.gid, entry.size, content, entry.linkTarget, entry.major, entry.minor, ...attributes].join(
    '\0',
  );
}
