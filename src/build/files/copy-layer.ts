import { type ByteText, describeInode, endOfArchive, formatTarEntry, padding, type TarEntry, toByteText } from '#store';
import { createGiveWay, S_IFDIR, S_IFMT } from '#sys';
import { isLeftOut } from './digest.ts';
import type { CopyOptions } from './copy.ts';
import { type Listing, tarTypeOf } from './listing.ts';
import { modeOfNew } from './mode.ts';
import type { ReadFacts, ReadNode, ReadTree } from './read-tree.ts';
import type { Selected } from './select.ts';
import { byBytes, isDirectory, isFile, isLink, joinPath } from './tree.ts';

/** How a layer is made of what is copied. */
export interface CopyLayerOptions extends Omit<CopyOptions, 'owner' | 'parents'> {
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Of directories that are made on the way, ns since the epoch. */
  readonly nowNs: bigint;
}

/** A place in the layer. */
interface Made {
  readonly facts: Pick<ReadFacts, 'mode' | 'uid' | 'gid' | 'mtimeNs'>;
  readonly attributes: readonly (readonly [name: string, value: Buffer])[];
  /** Whose content it has; null: a directory that nobody copied. */
  readonly from: ReadNode | null;
  /** Of a directory. */
  readonly entries: Map<ByteText, Made> | null;
  /** Its path in the root below, when that has a directory there too. */
  readonly below: ByteText | null;
}

/** What a COPY adds to a root, known before anything is written. */
export interface CopyLayer {
  /** Nothing is added. */
  readonly isEmpty: boolean;
  /** The layer as a tar, as a writable directory with the same would pack to it; the same each time. */
  pack(): AsyncIterable<Buffer>;
}

interface Planning extends CopyLayerOptions {
  readonly root: ReadTree | null;
  readonly giveWay: () => Promise<void>;
}

/** It takes a writable root to tell what becomes of this. */
class NeedsWritableRoot extends Error {}

/**
 * Plans what `copySelected` would do, as a layer that need not be read back from a writable root: the same files in the same places. `root`: what it is for; null: it is empty. Answers
 * null for what only the other way does right, or refuses in the right words: links on the way to the target, files in the place of directories, directories with attributes.
 */
export async function planCopyLayer(
  from: Listing,
  selected: readonly Selected[],
  root: ReadTree | null,
  options: CopyLayerOptions,
): Promise<CopyLayer | null> {
  const planning: Planning = { ...options, root, giveWay: createGiveWay() };
  const several = selected.length > 1 || options.target.endsWith('/');
  try {
    const top = directoryOn(planning, '' as ByteText) ?? emptyDirectory(planning);
    for (const one of selected) await placeOne(planning, top, from.find(one.path), { one, several });
    return { isEmpty: prune(top), pack: () => packMade(planning, top) };
  } catch (thrown) {
    if (thrown instanceof NeedsWritableRoot) return null;
    throw thrown;
  }
}

function emptyDirectory({ owner, mode, timeNs, nowNs }: Planning): Made {
  return {
    facts: { mode: S_IFDIR | (mode === undefined ? 0o755 : modeOfNew(mode)), ...owner, mtimeNs: timeNs ?? nowNs },
    attributes: [],
    from: null,
    entries: new Map(),
    below: null,
  };
}

/** A directory of the root below as it is; null: it has none there. */
function directoryOn({ root, timeNs }: Planning, path: ByteText): Made | null {
  using found = root?.find(path, false);
  if (found == null || !isDirectory(found.facts)) return null;
  const { mode, uid, gid, mtimeNs } = found.facts;
  const facts = { mode, uid, gid, mtimeNs: timeNs !== undefined && timeNs < mtimeNs ? timeNs : mtimeNs };
  return { facts, attributes: found.attributes(), from: null, entries: new Map(), below: path };
}

interface PlacedOne {
  readonly one: Selected;
  readonly several: boolean;
}

async function placeOne(planning: Planning, top: Made, node: ReadNode | null, { one, several }: PlacedOne): Promise<void> {
  if (node === null) return;
  const target = partsOf(planning.target);
  if (isDirectory(node.facts)) return fill(planning, directoryAt(planning, top, target), node, '' as ByteText);
  const intoDirectory = several || target.length === 0 || isDirectoryThere(planning, top, target);
  const path = intoDirectory ? [...target, one.name] : target;
  const parent = directoryAt(planning, top, path.slice(0, -1));
  const name = path.at(-1) ?? one.name;
  const there = lookBelow(planning, parent, name);
  if (there !== null && isLink(there)) throw new NeedsWritableRoot();
  await place(planning, parent, node, { name, relative: '' as ByteText, there });
}

function partsOf(path: string): ByteText[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map(toByteText);
}

/** What the root below has in a directory. */
function lookBelow({ root }: Planning, { below }: Made, name: ByteText): ReadFacts | null {
  if (below === null) return null;
  using directory = root?.find(below, false);
  if (directory?.names().includes(name) !== true) return null;
  using found = directory.child(name);
  return found.facts;
}

function isDirectoryThere(planning: Planning, top: Made, path: readonly ByteText[]): boolean {
  let at: Made | null = top;
  for (const name of path) {
    const made: Made | undefined = at?.entries?.get(name);
    const there = made?.facts ?? (at === null ? null : lookBelow(planning, at, name));
    if (there === null) return false;
    if (isLink(there)) throw new NeedsWritableRoot();
    at = made ?? directoryOn(planning, joinPath(at?.below ?? ('' as ByteText), name));
  }
  return at !== null && isDirectory(at.facts);
}

function directoryAt(planning: Planning, top: Made, path: readonly ByteText[]): Made {
  let at = top;
  for (const name of path) {
    let next = at.entries?.get(name);
    if (next === undefined) {
      const there = lookBelow(planning, at, name);
      if (there !== null && !isDirectory(there)) throw new NeedsWritableRoot();
      next = (there === null ? null : directoryOn(planning, joinPath(at.below ?? ('' as ByteText), name))) ?? emptyDirectory(planning);
      at.entries?.set(name, next);
    }
    if (next.entries === null) throw new NeedsWritableRoot();
    at = next;
  }
  return at;
}

/** What is in a directory, into another. */
async function fill(planning: Planning, into: Made, node: ReadNode, relative: ByteText): Promise<void> {
  using below = into.below === null ? null : (planning.root?.find(into.below, false) ?? null);
  const names = new Set(below?.names());
  for (const name of node.names()) {
    const inner = node.child(name);
    const path = joinPath(relative, name);
    if (planning.exclude !== undefined && isLeftOut(planning.exclude, inner.facts, path)) continue;
    await place(planning, into, inner, { name, relative: path, there: below !== null && names.has(name) ? factsOf(below, name) : null });
  }
}

function factsOf(directory: ReadNode, name: ByteText): ReadFacts {
  using found = directory.child(name);
  return found.facts;
}

interface Placing {
  readonly name: ByteText;
  /** In what was selected. */
  readonly relative: ByteText;
  /** What the root below has there. */
  readonly there: ReadFacts | null;
}

async function place(planning: Planning, parent: Made, node: ReadNode, { name, relative, there }: Placing): Promise<void> {
  await planning.giveWay();
  planning.signal?.throwIfAborted();
  const made = parent.entries?.get(name);
  const inTheWay = made?.facts ?? there;
  const asDirectory = isDirectory(node.facts);
  if (inTheWay !== null && isDirectory(inTheWay) !== asDirectory) throw new NeedsWritableRoot();
  // Packed, this would be a mark of something deleted.
  if (name.startsWith('.wh.')) throw new NeedsWritableRoot();
  const ground = asDirectory && there !== null ? directoryOn(planning, joinPath(parent.below ?? ('' as ByteText), name)) : null;
  if (ground !== null && ground.attributes.length > 0) throw new NeedsWritableRoot();
  const { uid, gid } = planning.owner;
  const mode = isLink(node.facts) || planning.mode === undefined ? node.facts.mode : changed(planning.mode, node.facts);
  const next: Made = {
    facts: { mode, uid, gid, mtimeNs: planning.timeNs ?? node.facts.mtimeNs },
    attributes: node.attributes(),
    from: node,
    entries: asDirectory ? (made?.entries ?? new Map<ByteText, Made>()) : null,
    below: made?.below ?? ground?.below ?? null,
  };
  parent.entries?.set(name, next);
  if (asDirectory) await fill(planning, next, node, relative);
}

function changed(change: NonNullable<CopyOptions['mode']>, facts: ReadFacts): number {
  return (facts.mode & S_IFMT) | change(facts.mode & 0o7777, isDirectory(facts));
}

/** Takes away directories that are only on the way to nothing. true: nothing is left of it. */
function prune({ entries }: Made): boolean {
  for (const [name, made] of entries ?? []) if (made.from === null && made.below !== null && prune(made)) entries?.delete(name);
  return entries !== null && entries.size === 0;
}

const chunkBytes = 512 * 1024;

async function* packMade(planning: Planning, top: Made): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces(top, { path: '' as ByteText, linked: new Map() })) {
    planning.signal?.throwIfAborted();
    held.push(piece);
    bytes += piece.length;
    if (bytes < chunkBytes) continue;
    yield Buffer.concat(held, bytes);
    [held, bytes] = [[], 0];
  }
  yield Buffer.concat([...held, endOfArchive()]);
}

interface Packing {
  readonly path: ByteText;
  /** The first place of files with several names. */
  readonly linked: Map<string, ByteText>;
}

async function* pieces(made: Made, { path, linked }: Packing): AsyncGenerator<Buffer> {
  const { from, entries, facts } = made;
  const first = from !== null && entries === null && from.facts.nlink > 1 ? linked.get(from.facts.id) : undefined;
  if (first !== undefined) return yield formatTarEntry({ ...entryOf(made, path, 'link'), linkTarget: first });
  if (from !== null && entries === null && from.facts.nlink > 1) linked.set(from.facts.id, path);
  // The root is there already, and stays as it is.
  if (path !== '') yield formatTarEntry(entryOf(made, path, tarTypeOf(facts.mode)));
  if (from !== null && isFile(facts)) {
    yield* from.content();
    yield padding(from.facts.size);
  }
  for (const [name, inner] of [...(entries ?? [])].sort(([one], [other]) => byBytes(one, other)))
    yield* pieces(inner, { path: joinPath(path, name), linked });
}

function entryOf({ facts, attributes, from }: Made, path: ByteText, type: TarEntry['type']): TarEntry {
  const { rdevMajor = 0, rdevMinor = 0 } = from?.facts ?? {};
  return {
    ...describeInode({ ...facts, rdevMajor, rdevMinor }, path, type),
    ...(type === 'file' ? { size: from?.facts.size ?? 0 } : {}),
    ...(type === 'symlink' ? { linkTarget: from?.target() ?? ('' as ByteText) } : {}),
    ...(type === 'link' ? {} : { xattrs: new Map(attributes.filter(([name]) => !name.startsWith('trusted.overlay.'))) }),
  };
}
