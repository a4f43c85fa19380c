import type { ByteText } from '../tar/byte-text.ts';
import type { TarEntry } from '../tar/header.ts';
import { createTarReader } from '../tar/reader.ts';
import { createTarEntry, endOfArchive, formatTarEntry, padding } from '../tar/writer.ts';
import { chunksOfTree, indexTree, type TreeIndex, type TreeSource } from './tree-index.ts';
import { ancestorsOf, normalizeTreePath } from './tree-path.ts';

/**
 * The tar of a layer that turns the tree `base` into the tree `full`: what is new or differs in type, mode, owner, size, content, link target,
 * device or extended attributes (not in times), the directories that lead there, and whiteouts for what is gone. Entries stand in the order
 * they have in `full`, whiteouts after them in bytewise order: the same trees give the same bytes. `full` is read twice.
 */
export async function* layerFromTrees(base: TreeSource, full: TreeSource): AsyncIterable<Buffer> {
  const before = await indexTree(base);
  const after = await indexTree(full);
  const { ordinals, whiteouts } = planDifference(before, after);
  yield* copyEntries(full, ordinals);
  for (const path of whiteouts) yield formatTarEntry(createTarEntry({ path, type: 'file' }));
  yield endOfArchive();
}

export interface Difference {
  /** Entries of the full tree's archive to take over. */
  readonly ordinals: ReadonlySet<number>;
  /** Paths of whiteout files, in order. */
  readonly whiteouts: readonly ByteText[];
}

/** Pure: decides by the two indexes alone. */
export function planDifference(before: TreeIndex, after: TreeIndex): Difference {
  const changed = new Set<ByteText>();
  for (const [path, entry] of after) {
    const old = before.get(path);
    if (old === undefined || old.fingerprint !== entry.fingerprint || old.linkedTo !== entry.linkedTo) changed.add(path);
  }
  keepLinksTogether(after, changed);
  const gone = findGone(before, after);
  const wanted = new Set(changed);
  for (const path of [...changed, ...gone]) for (const ancestor of ancestorsOf(path)) wanted.add(ancestor);
  // What leads to a change is there as the full tree has it; the root is left alone unless it changed itself.
  const ordinals = new Set<number>();
  for (const path of wanted) {
    const entry = after.get(path);
    if (entry !== undefined) ordinals.add(entry.ordinal);
  }
  return { ordinals, whiteouts: gone.map(whiteoutOf) };
}

/** A layer must hold all names of a file when it holds one: a link cannot reach into a layer below. */
function keepLinksTogether(after: TreeIndex, changed: Set<ByteText>): void {
  const groups = new Set<ByteText>();
  for (const path of changed) {
    const group = after.get(path)?.linkedTo;
    if (group !== null && group !== undefined) groups.add(group);
  }
  if (groups.size === 0) return;
  for (const [path, { linkedTo }] of after) if (linkedTo !== null && groups.has(linkedTo)) changed.add(path);
}

/** Gone itself, while the directory it was in is still one: else a whiteout or another file there hides it already. */
function findGone(before: TreeIndex, after: TreeIndex): ByteText[] {
  const stands = impliedBy(after);
  const isDirectory = (path: ByteText): boolean => after.get(path)?.isDirectory ?? stands.has(path);
  return [...before.keys()]
    .filter((path) => path !== '' && !after.has(path) && !stands.has(path) && ancestorsOf(path).every(isDirectory))
    .sort(compareBytes);
}

/** Directories that an archive need not mention, because something is in them. */
function impliedBy(index: TreeIndex): Set<ByteText> {
  const implied = new Set<ByteText>();
  for (const path of index.keys()) for (const ancestor of ancestorsOf(path)) implied.add(ancestor);
  return implied;
}

function whiteoutOf(path: ByteText): ByteText {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash + 1)}.wh.${path.slice(slash + 1)}` as ByteText;
}

/** The entries with these numbers, as this project writes them, whatever dialect they came in. */
async function* copyEntries(source: TreeSource, ordinals: ReadonlySet<number>): AsyncIterable<Buffer> {
  let pieces: Buffer[] = [];
  let ordinal = -1;
  let copying: { readonly entry: TarEntry; end: number } | null = null;
  const reader = createTarReader({
    entry(entry) {
      ordinal += 1;
      copying = null;
      if (!ordinals.has(ordinal)) return;
      const path = normalizeTreePath(entry.path);
      const linkTarget = entry.type === 'link' ? normalizeTreePath(entry.linkTarget) : entry.linkTarget;
      pieces.push(formatTarEntry({ ...entry, path: path === '' ? ('./' as ByteText) : path, linkTarget }));
      if (entry.type === 'file') copying = { entry, end: 0 };
    },
    data(chunk, offset) {
      if (copying === null) return;
      pushZeros(pieces, offset - copying.end);
      // The reader's chunk is only good during this call.
      pieces.push(Buffer.from(chunk));
      copying.end = offset + chunk.length;
    },
    endOfFile() {
      if (copying === null) return;
      pushZeros(pieces, copying.entry.size - copying.end);
      pieces.push(padding(copying.entry.size));
    },
  });
  for await (const chunk of chunksOfTree(source)) {
    reader.write(chunk);
    if (pieces.length === 0) continue;
    const ready = pieces;
    pieces = [];
    yield* ready;
  }
  reader.end();
  yield* pieces;
}

const zeros = Buffer.alloc(1024 * 1024);

/** Holes are written out; the pieces share their memory. */
function pushZeros(pieces: Buffer[], count: number): void {
  for (let left = count; left > 0; left -= zeros.length) pieces.push(zeros.subarray(0, Math.min(left, zeros.length)));
}

function compareBytes(one: ByteText, other: ByteText): number {
  return one < other ? -1 : 1;
}
