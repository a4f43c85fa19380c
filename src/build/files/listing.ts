import { createHash, hash } from 'node:crypto';
import { read, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { OrlopError } from '#errors';
import {
  type ByteText,
  createTarEntry,
  endOfArchive,
  formatTarEntry,
  padding,
  readTarMembers,
  showByteText,
  type TarEntry,
  type TarMember,
  type TarType,
  toByteText,
} from '#store';
import { createGiveWay, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, withErrno } from '#sys';
import type { ReadFacts, ReadNode, ReadTree } from './read-tree.ts';
import { byBytes, isFile, isLink, joinPath } from './tree.ts';
import { cleanPath } from './unpack.ts';

/** A file of a listing. Names of one file share it. */
interface Listed {
  readonly id: string;
  mode: number;
  mtimeNs: bigint;
  nlink: number;
  readonly size: number;
  /** Where its content begins in the file of contents. */
  readonly offset: number;
  readonly digest: string;
  readonly target: ByteText;
  readonly major: number;
  readonly minor: number;
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
}

export interface ListTarOptions {
  readonly signal?: AbortSignal;
  /** Bytes of files so far. */
  readonly onBytes?: (bytes: number) => void;
}

interface Taking extends ListTarOptions {
  readonly top: Listed;
  readonly contents: Contents;
  files: number;
}

const readAt = promisify(read);
const types = { character: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO, symlink: S_IFLNK, directory: S_IFDIR, file: S_IFREG } as const;
/** As many as the kernel follows itself (path_resolution(7)). */
const mostLinks = 40;

/**
 * Lists a tar, whatever it is packed with, at the source's pace; contents go to `descriptor`, an empty file that is open for reading and writing and stays so as long as the listing is
 * used. Means what unpacking it would: links of the archive stay inside, names that climb with `..` are invalid-argument, what is there already is replaced, directories
 * are joined.
 */
export async function listTar(source: AsyncIterable<Uint8Array>, descriptor: number, options: ListTarOptions = {}): Promise<Listing> {
  const contents = createContents(descriptor);
  const taking: Taking = { ...options, contents, top: createDirectory('0'), files: 0 };
  const giveWay = createGiveWay();
  for await (const member of readTarMembers(source)) {
    options.signal?.throwIfAborted();
    const path = cleanPath(member.entry);
    if (path !== '') await take(taking, member, path);
    await giveWay();
  }
  contents.flush();
  const { top } = taking;
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
  };
}

function createDirectory(id: string): Listed {
  return { ...plainFile, id, mode: S_IFDIR | 0o755, mtimeNs: BigInt(Date.now()) * 1_000_000n, entries: new Map() };
}

const plainFile: Omit<Listed, 'id' | 'mode' | 'mtimeNs'> = {
  nlink: 1,
  size: 0,
  offset: 0,
  digest: '',
  target: '' as ByteText,
  major: 0,
  minor: 0,
  xattrs: new Map(),
  entries: null,
};

async function take(taking: Taking, { entry, content }: TarMember, path: string): Promise<void> {
  const whole = toByteText(path);
  const parent = directoryAt(taking, parentOf(whole), whole);
  const entries = parent.entries as Map<ByteText, Listed>;
  const name = nameOf(whole);
  const there = entries.get(name);
  if (entry.type === 'directory') return takeDirectory(taking, entry, { entries, name, path: whole });
  if (there !== undefined && there.entries !== null && there.entries.size > 0) throw inTheWay(whole);
  if (entry.type === 'link') {
    const file = linkedFile(taking.top, entry);
    if (file === there) return;
    entries.set(name, file);
    file.nlink++;
  } else entries.set(name, await createFile(taking, entry, content));
  if (there !== undefined) there.nlink--;
}

interface Place {
  readonly entries: Map<ByteText, Listed>;
  readonly name: ByteText;
  readonly path: ByteText;
}

function takeDirectory(taking: Taking, entry: TarEntry, { entries, name, path }: Place): void {
  let directory = entries.get(name);
  if (directory === undefined || directory.entries === null) {
    // A link to a directory may stand for one.
    if (directory !== undefined && look(taking.top, path, true)?.entries != null) return;
    directory = createDirectory(String(++taking.files));
    entries.set(name, directory);
  }
  directory.mode = S_IFDIR | (entry.mode & 0o7777);
  directory.mtimeNs = entry.mtimeNs;
  directory.xattrs = attributesOf(entry);
}

async function createFile(taking: Taking, entry: TarEntry, content: AsyncIterable<Buffer>): Promise<Listed> {
  const { type, mode, mtimeNs, linkTarget: target, major, minor } = entry;
  const id = String(++taking.files);
  const common = { ...plainFile, id, mode: (types[type as keyof typeof types] ?? S_IFREG) | (mode & 0o7777), mtimeNs };
  const node: Listed = { ...common, target, major, minor, xattrs: attributesOf(entry) };
  return type === 'file' ? { ...node, ...(await takeContent(taking, content)) } : node;
}

function attributesOf({ xattrs }: TarEntry): ReadonlyMap<string, Buffer> {
  return xattrs.size === 0 ? plainFile.xattrs : new Map([...xattrs].filter(([name]) => !name.startsWith('trusted.overlay.')));
}

async function takeContent(
  { contents, signal, onBytes }: Taking,
  content: AsyncIterable<Buffer>,
): Promise<Pick<Listed, 'size' | 'offset' | 'digest'>> {
  const offset = contents.end();
  let hashing: ReturnType<typeof createHash> | null = null;
  let first: Buffer | null = null;
  for await (const chunk of content) {
    signal?.throwIfAborted();
    if (hashing === null && first === null) first = Buffer.from(chunk);
    else {
      hashing ??= createHash('sha256').update(first ?? '');
      hashing.update(chunk);
    }
    contents.write(chunk);
    onBytes?.(contents.end());
  }
  return { size: contents.end() - offset, offset, digest: hashing?.digest('hex') ?? hash('sha256', first ?? '', 'hex') };
}

/** Makes the directories that the archive only implies. */
function directoryAt(taking: Taking, path: ByteText, whole: ByteText): Listed {
  let at = taking.top;
  let walked = '' as ByteText;
  for (const name of partsOf(path)) {
    walked = joinPath(walked, name);
    const entries = at.entries as Map<ByteText, Listed>;
    const there = entries.get(name);
    const next =
      there === undefined ? createDirectory(String(++taking.files)) : there.entries === null ? look(taking.top, walked, true) : there;
    if (next === null || next.entries === null) throw inTheWay(whole);
    if (there === undefined) entries.set(name, next);
    at = next;
  }
  return at;
}

function inTheWay(path: ByteText): OrlopError {
  return new OrlopError(
    'invalid-argument',
    'BUILD_NOT_A_DIRECTORY',
    `the context's ${showByteText(path)} lies in something that is no directory, or is one with files`,
  );
}

function linkedFile(top: Listed, entry: TarEntry): Listed {
  const file = look(top, toByteText(cleanPath({ path: entry.linkTarget })), false);
  if (file !== null && file.entries === null) return file;
  throw new OrlopError(
    'invalid-argument',
    'STORE_BAD_TAR',
    `tar archive: ${showByteText(entry.path)} is a link to ${showByteText(entry.linkTarget)}, which is not there`,
  );
}

function partsOf(path: ByteText): ByteText[] {
  return path.split('/').filter((part) => part !== '' && part !== '.') as ByteText[];
}

function parentOf(path: ByteText): ByteText {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0)) as ByteText;
}

function nameOf(path: ByteText): ByteText {
  return path.slice(path.lastIndexOf('/') + 1) as ByteText;
}

/** As openat2(2) with RESOLVE_IN_ROOT: links lead within the listing, `..` stops at its top. */
function look(top: Listed, path: ByteText, follow: boolean): Listed | null {
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

/** Contents in one file, written by the megabyte. */
interface Contents {
  write(chunk: Buffer): void;
  end(): number;
  flush(): void;
}

function createContents(descriptor: number): Contents {
  const block = Buffer.allocUnsafeSlow(1024 * 1024);
  let [held, written] = [0, 0];
  const put = (bytes: Buffer): void => {
    withErrno('build context', () => {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, written + at);
    });
    written += bytes.length;
  };
  const flush = (): void => {
    put(block.subarray(0, held));
    held = 0;
  };
  return {
    end: () => written + held,
    flush,
    write(chunk) {
      if (held + chunk.length > block.length) flush();
      if (chunk.length > block.length) return put(chunk);
      chunk.copy(block, held);
      held += chunk.length;
    },
  };
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

const kinds: readonly (readonly [mode: number, type: TarType])[] = Object.entries(types).map(([type, mode]) => [mode, type as TarType]);

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
