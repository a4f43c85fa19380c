import { createHash, hash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { OrlopError } from '#errors';
import { type ByteText, readTarMembers, showByteText, type TarEntry, type TarMember, toByteText } from '#store';
import { createGiveWay, S_IFDIR, S_IFREG, withErrno } from '#sys';
import { createListing, type Listed, type ListedFile, type Listing, look, modeOfType, nameOf, parentOf, partsOf } from './listing.ts';
import { isDirectory, joinPath } from './tree.ts';
import { cleanPath } from './unpack.ts';

export interface ListTarOptions {
  readonly signal?: AbortSignal;
  /** Bytes in the file of contents so far. */
  readonly onBytes?: (bytes: number) => void;
}

/** A listing on its way. What is there already is replaced, directories are joined. */
export interface ListingMaker {
  /**
   * Lists a tar, whatever it is packed with, at the source's pace. Means what unpacking it would: links of the archive stay inside, names that climb with `..` are
   * invalid-argument.
   */
  takeTar(source: AsyncIterable<Uint8Array>, options?: ListTarOptions): Promise<void>;
  /** Takes up a file that was listed before, whose content is in the file of contents. Names with the same object are one file. */
  takeKept(path: ByteText, file: ListedFile): void;
  finish(): Listing;
}

interface Taking extends ListTarOptions {
  readonly top: Listed;
  readonly contents: Contents;
  readonly kept: Map<ListedFile, Listed>;
  files: number;
}

/**
 * Contents go to `descriptor`, a file that is open for reading and writing and stays so as long as the listing is used, from `offset` on, where it ends.
 */
export function createListingMaker(descriptor: number, offset = 0): ListingMaker {
  const contents = createContents(descriptor, offset);
  const taking: Taking = { contents, top: createDirectory('0'), kept: new Map(), files: 0 };
  return {
    async takeTar(source, options = {}) {
      const giveWay = createGiveWay();
      const run = { ...taking, ...options };
      for await (const member of readTarMembers(source)) {
        options.signal?.throwIfAborted();
        const path = cleanPath(member.entry);
        if (path !== '') await take(run, member, path);
        await giveWay();
      }
      taking.files = run.files;
    },
    takeKept: (path, file) => takeKept(taking, path, file),
    finish() {
      contents.flush();
      return createListing(taking.top, descriptor);
    },
  };
}

/** Lists a tar; `descriptor` is that of an empty file. */
export async function listTar(source: AsyncIterable<Uint8Array>, descriptor: number, options: ListTarOptions = {}): Promise<Listing> {
  const maker = createListingMaker(descriptor);
  await maker.takeTar(source, options);
  return maker.finish();
}

function takeKept(taking: Taking, path: ByteText, file: ListedFile): void {
  const { entries, name } = placeOf(taking, path);
  if (isDirectory(file)) return takeDirectory(taking, file, { entries, name, path });
  const there = entries.get(name);
  if (there !== undefined) throw inTheWay(path);
  const known = taking.kept.get(file);
  const { mode, mtimeNs, size, offset, digest, target, major, minor, xattrs } = file;
  const facts = { mode, mtimeNs, size, offset, digest, target, major, minor, xattrs };
  const listed: Listed = known ?? { ...facts, id: String(++taking.files), nlink: 0, entries: null };
  listed.nlink++;
  taking.kept.set(file, listed);
  entries.set(name, listed);
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
  const { entries, name } = placeOf(taking, whole);
  const there = entries.get(name);
  if (entry.type === 'directory') return takeDirectory(taking, { ...entry, xattrs: attributesOf(entry) }, { entries, name, path: whole });
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

function placeOf(taking: Taking, path: ByteText): Place {
  const parent = directoryAt(taking, parentOf(path), path);
  return { entries: parent.entries as Map<ByteText, Listed>, name: nameOf(path), path };
}

function takeDirectory(taking: Taking, facts: Pick<ListedFile, 'mode' | 'mtimeNs' | 'xattrs'>, { entries, name, path }: Place): void {
  let directory = entries.get(name);
  if (directory === undefined || directory.entries === null) {
    // A link to a directory may stand for one.
    if (directory !== undefined && look(taking.top, path, true)?.entries != null) return;
    directory = createDirectory(String(++taking.files));
    entries.set(name, directory);
  }
  directory.mode = S_IFDIR | (facts.mode & 0o7777);
  directory.mtimeNs = facts.mtimeNs;
  directory.xattrs = facts.xattrs;
}

async function createFile(taking: Taking, entry: TarEntry, content: AsyncIterable<Buffer>): Promise<Listed> {
  const { type, mode, mtimeNs, linkTarget: target, major, minor } = entry;
  const id = String(++taking.files);
  const common = { ...plainFile, id, mode: (modeOfType[type as keyof typeof modeOfType] ?? S_IFREG) | (mode & 0o7777), mtimeNs };
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

/** Contents in one file, written by the megabyte. */
interface Contents {
  write(chunk: Buffer): void;
  end(): number;
  flush(): void;
}

function createContents(descriptor: number, offset: number): Contents {
  const block = Buffer.allocUnsafeSlow(1024 * 1024);
  let [held, written] = [0, offset];
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
