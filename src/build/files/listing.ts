import { read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { OrlopError } from '#errors';
import { type ByteText, createTarEntry, endOfArchive, formatTarEntry, padding, showByteText, type TarEntry, type TarType } from '#store';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, withErrno } from '#sys';
import type { ReadFacts, ReadNode, ReadTree } from './read-tree.ts';
import { byBytes, isFile, isLink, joinPath } from './tree.ts';

/** What a file of a listing is. */
export interface ListedFile {
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly size: number;
  /** Where its content begins in the file of contents. */
  readonly offset: number;
  /** SHA-256 of the content, hexadecimal. */
  readonly digest: string;
  readonly target: ByteText;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** The same where it is being listed. Names of one file share it. */
export interface Listed extends ListedFile {
  readonly id: string;
  mode: number;
  mtimeNs: bigint;
  nlink: number;
  xattrs: ReadonlyMap<string, Buffer>;
  /** Of a directory. */
  readonly entries: Map<ByteText, Listed> | null;
}

/**
 * The files of an archive that are not unpacked: what they are is in memory, and what is in them one after the other in one file. So a context of many files costs the disk a
 * single one. All of it belongs to root, as in any context.
 */
export interface Listing extends ReadTree {
  /** Takes a name away; what is no file or link stays. */
  remove(path: ByteText): void;
  /** All of it as a tar. */
  pack(): AsyncIterable<Buffer>;
  /** Every name, directories before what is in them. Names of one file have the same object. */
  files(): Iterable<readonly [path: ByteText, file: ListedFile]>;
}

const readAt = promisify(read);
export const modeOfType = {
  character: S_IFCHR,
  block: S_IFBLK,
  fifo: S_IFIFO,
  symlink: S_IFLNK,
  directory: S_IFDIR,
  file: S_IFREG,
} as const;
/** As many as the kernel follows itself (path_resolution(7)). */
const mostLinks = 40;

/** What has been listed below `top`, with contents in `descriptor`. */
export function createListing(top: Listed, descriptor: number): Listing {
  const reading = createReading(descriptor);
  return {
    find(path, follow = true) {
      const found = look(top, path, follow);
      return found === null ? null : nodeOf(found, reading);
    },
    remove(path) {
      const parent = look(top, parentOf(path), true);
      const name = nameOf(path);
      if (parent?.entries?.get(name)?.entries === null) parent.entries.delete(name);
    },
    pack: () => packListing(top, reading),
    files: () => filesBelow(top, '' as ByteText),
  };
}

function* filesBelow({ entries }: Listed, path: ByteText): Generator<readonly [path: ByteText, file: ListedFile]> {
  for (const [name, inner] of entries ?? []) {
    const whole = joinPath(path, name);
    yield [whole, inner];
    if (inner.entries !== null) yield* filesBelow(inner, whole);
  }
}

export function partsOf(path: ByteText): ByteText[] {
  return path.split('/').filter((part) => part !== '' && part !== '.') as ByteText[];
}

export function parentOf(path: ByteText): ByteText {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0)) as ByteText;
}

export function nameOf(path: ByteText): ByteText {
  return path.slice(path.lastIndexOf('/') + 1) as ByteText;
}

/** As openat2(2) with RESOLVE_IN_ROOT: links lead within the listing, `..` stops at its top. */
export function look(top: Listed, path: ByteText, follow: boolean): Listed | null {
  const above: Listed[] = [top];
  const left = partsOf(path);
  for (let links = 0; left.length > 0; ) {
    const name = left.shift() as ByteText;
    const at = above.at(-1) as Listed;
    if (at.entries === null) return null;
    if (name === '..') {
      if (above.length > 1) above.pop();
      continue;
    }
    const found = at.entries.get(name);
    if (found === undefined) return null;
    if (!isLink(found) || (left.length === 0 && !follow)) above.push(found);
    else {
      if (++links > mostLinks) return null;
      if (found.target.startsWith('/')) above.length = 1;
      left.unshift(...partsOf(found.target));
    }
  }
  return above.at(-1) ?? null;
}

function nodeOf(listed: Listed, reading: ReadContent): ReadNode {
  const { id, mode, size, mtimeNs, nlink, major, minor } = listed;
  const facts: ReadFacts = { id, mode, uid: 0, gid: 0, size, mtimeNs, nlink, rdevMajor: major, rdevMinor: minor };
  return {
    facts,
    names: () => [...(listed.entries?.keys() ?? [])].sort(byBytes),
    child(name) {
      const inner = listed.entries?.get(name);
      if (inner === undefined) throw new OrlopError('internal', 'BUILD_NO_ENTRY', `the context has no ${showByteText(name)} any more`);
      return nodeOf(inner, reading);
    },
    target: () => listed.target,
    attributes: () => [...listed.xattrs].sort(([one], [other]) => (one < other ? -1 : 1)),
    content: () => reading(listed),
    digest: async () => listed.digest,
    [Symbol.dispose]: () => undefined,
  };
}

const chunkBytes = 512 * 1024;

/** Reads contents. Of small files many are read at once where they are asked for in the order in which they came. */
type ReadContent = (file: Pick<Listed, 'size' | 'offset'>) => AsyncIterable<Buffer>;

function createReading(descriptor: number): ReadContent {
  let [window, start, last] = [Buffer.alloc(0), 0, 0];
  const ahead = (offset: number, size: number): Buffer => {
    if (offset < start || offset + size > start + window.length) {
      // Never the same memory again: slices of it are the readers' to keep.
      const block = Buffer.allocUnsafe(offset === last ? chunkBytes : size);
      window = block.subarray(
        0,
        withErrno('build context', () => readSync(descriptor, block, 0, block.length, offset)),
      );
      start = offset;
    }
    last = offset + size;
    if (last > start + window.length) throw cut();
    return window.subarray(offset - start, last - start);
  };
  return async function* ({ size, offset }) {
    if (size > 0 && size <= chunkBytes / 8) return yield ahead(offset, size);
    for (let at = 0; at < size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, size - at));
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, offset + at);
      if (bytesRead === 0) throw cut();
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  };
}

function cut(): OrlopError {
  return new OrlopError('data-loss', 'BUILD_CONTEXT_CUT', 'the file with what is in the context is shorter than it was');
}

async function* packListing(top: Listed, reading: ReadContent): AsyncGenerator<Buffer> {
  const linked = new Map<Listed, ByteText>();
  const packOne = async function* (node: Listed, path: ByteText): AsyncGenerator<Buffer> {
    const first = linked.get(node);
    if (first !== undefined) return yield formatTarEntry(createTarEntry({ path, type: 'link', linkTarget: first }));
    if (node.nlink > 1) linked.set(node, path);
    yield formatTarEntry(entryOf(node, path));
    if (isFile(node)) {
      yield* reading(node);
      yield padding(node.size);
    }
    for (const [name, inner] of node.entries ?? []) yield* packOne(inner, joinPath(path, name));
  };
  for (const [name, node] of top.entries ?? []) yield* packOne(node, name);
  yield endOfArchive();
}

const kinds: readonly (readonly [mode: number, type: TarType])[] = Object.entries(modeOfType).map(([type, mode]) => [
  mode,
  type as TarType,
]);

export function tarTypeOf(mode: number): TarType {
  return kinds.find(([kind]) => kind === (mode & S_IFMT))?.[1] ?? 'file';
}

function entryOf({ mode, mtimeNs, size, target, major, minor, xattrs }: Listed, path: ByteText): TarEntry {
  return createTarEntry({
    path,
    type: tarTypeOf(mode),
    mode: mode & 0o7777,
    mtimeNs,
    size,
    linkTarget: target,
    major,
    minor,
    xattrs: new Map(xattrs),
  });
}
