import { read, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { OrlopError } from '#errors';
import { decompress, fromByteText, readTarMembers, showByteText, type TarEntry, type TarMember, toByteText } from '#store';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  createGiveWay,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_WRONLY,
  RESOLVE_BENEATH,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  withErrno,
} from '#sys';
import { clearOtherKind, clearPlace, type NamedPlace, type NewDirectories, openOrMakeDirectory, type Owner, statPlace } from './target.ts';
import { openForReading, openPath, plainly, type FileTree } from './tree.ts';

export interface UnpackTarOptions {
  /** Absolute directory in the tree, made where it is missing. */
  readonly target: string;
  /** Whose all of it becomes; absent: whose the archive says. */
  readonly owner?: Owner;
  /** True for paths in the archive that are to be left out. */
  readonly leaveOut?: (path: string) => boolean;
  /** The time of all of it, ns since the epoch; absent: what the archive says. */
  readonly timeNs?: bigint;
  readonly signal?: AbortSignal;
  /** Bytes of files so far. */
  readonly onBytes?: (bytes: number) => void;
}

interface Unpacking extends UnpackTarOptions {
  readonly to: FileTree;
  /** Of directories, which what is made in them changes. */
  readonly times: Map<string, bigint>;
  readonly giveWay: () => Promise<void>;
  bytes: number;
}

const readAt = promisify(read);
const deviceModes = { character: S_IFCHR, block: S_IFBLK, fifo: S_IFIFO } as const;

/**
 * Unpacks a tar, whatever it is packed with, into a directory of a tree, at the source's pace and with bounded memory. Paths and links of the archive stay inside the tree; those that
 * climb with `..` are invalid-argument. What is there already is replaced, directories are joined; a link to a directory is none, as with Docker's builders.
 */
export async function unpackTar(to: FileTree, source: AsyncIterable<Uint8Array>, options: UnpackTarOptions): Promise<void> {
  const unpacking: Unpacking = { ...options, to, times: new Map(), giveWay: createGiveWay(), bytes: 0 };
  to.addon.close(openOrMakeDirectory(to, options.target, newDirectories(options)).descriptor);
  for await (const member of readTarMembers(source)) {
    options.signal?.throwIfAborted();
    const path = cleanPath(member.entry);
    if (path === '' || options.leaveOut?.(path) === true) continue;
    await unpackMember(unpacking, member, path);
    await unpacking.giveWay();
  }
  for (const [path, timeNs] of [...unpacking.times].toReversed()) setDirectoryTime(to, path, timeNs);
}

function newDirectories({ owner, timeNs }: UnpackTarOptions): NewDirectories {
  return { owner: owner ?? { uid: 0, gid: 0 }, ...(timeNs === undefined ? {} : { timeNs }) };
}

/** Where an entry is to be, without a leading slash. Invalid-argument for one that climbs. */
export function cleanPath(entry: Pick<TarEntry, 'path'>): string {
  const text = Buffer.from(fromByteText(entry.path)).toString('utf8');
  if (text.split('/').includes('..'))
    throw new OrlopError(
      'invalid-argument',
      'BUILD_ARCHIVE_CLIMBS',
      `the archive's ${showByteText(entry.path)} would be outside of the directory`,
    );
  return posix.join('/', text).replace(/\/$/, '').slice(1);
}

async function unpackMember(unpacking: Unpacking, { entry, content }: TarMember, path: string): Promise<void> {
  const { to } = unpacking;
  const { addon } = to;
  const whole = posix.join(unpacking.target, path);
  const { descriptor: parent } = openOrMakeDirectory(to, posix.dirname(whole), newDirectories(unpacking));
  try {
    const place: NamedPlace = { parent, name: toByteText(posix.basename(whole)), path: toByteText(whole) };
    await clearOtherKind(to, place, entry.type === 'directory');
    if (entry.type === 'directory') return makeDirectory(unpacking, entry, place, whole);
    clearPlace(to, place);
    const name = fromByteText(place.name);
    if (entry.type === 'link') return makeLink(unpacking, entry, place);
    if (entry.type === 'file') await writeFile(unpacking, { entry, content }, place, path);
    else if (entry.type === 'symlink') addon.symlinkat(fromByteText(entry.linkTarget), parent, name);
    else addon.mknodat(parent, name, deviceModes[entry.type] | 0o600, entry.major, entry.minor);
    const made = addon.openat2(parent, name, O_PATH | O_NOFOLLOW, 0, plainly);
    try {
      settle(unpacking, made, entry);
    } finally {
      addon.close(made);
    }
  } finally {
    addon.close(parent);
  }
}

function makeDirectory(unpacking: Unpacking, entry: TarEntry, place: NamedPlace, path: string): void {
  const { to } = unpacking;
  if (statPlace(to, place) === null) to.addon.mkdirat(place.parent, fromByteText(place.name), 0o700);
  const made = to.addon.openat2(place.parent, fromByteText(place.name), O_PATH | O_NOFOLLOW, 0, plainly);
  try {
    settle(unpacking, made, entry);
    unpacking.times.set(path, unpacking.timeNs ?? entry.mtimeNs);
  } finally {
    to.addon.close(made);
  }
}

function makeLink(unpacking: Unpacking, entry: TarEntry, { parent, name }: NamedPlace): void {
  const { to } = unpacking;
  const target = cleanPath({ ...entry, path: entry.linkTarget });
  const file = openPath(to, toByteText(posix.join(unpacking.target, target)), false);
  if (file === null) {
    throw new OrlopError(
      'invalid-argument',
      'STORE_BAD_TAR',
      `tar archive: ${showByteText(entry.path)} is a link to ${showByteText(entry.linkTarget)}, which is not there`,
    );
  }
  try {
    to.addon.linkat(file, '', parent, fromByteText(name), AT_EMPTY_PATH);
  } finally {
    to.addon.close(file);
  }
}

async function writeFile(unpacking: Unpacking, { content }: TarMember, { parent, name }: NamedPlace, path: string): Promise<void> {
  const { addon } = unpacking.to;
  const descriptor = addon.openat2(parent, fromByteText(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, RESOLVE_BENEATH);
  try {
    for await (const chunk of content) {
      withErrno(path, () => {
        for (let at = 0; at < chunk.length; ) at += writeSync(descriptor, chunk, at);
      });
      unpacking.onBytes?.((unpacking.bytes += chunk.length));
      unpacking.signal?.throwIfAborted();
    }
  } finally {
    addon.close(descriptor);
  }
}

function settle({ to, owner, timeNs }: Unpacking, descriptor: number, entry: TarEntry): void {
  const { addon } = to;
  const { uid, gid } = owner ?? entry;
  addon.fchownat(descriptor, '', uid, gid, AT_EMPTY_PATH);
  if (entry.type !== 'symlink') addon.fchmodat(AT_FDCWD, `/proc/self/fd/${descriptor}`, entry.mode, 0);
  for (const [name, value] of entry.xattrs) if (!name.startsWith('trusted.overlay.')) addon.setxattr(descriptor, name, value);
  const time = timeNs ?? entry.mtimeNs;
  addon.utimensat(descriptor, '', time, time, AT_EMPTY_PATH);
}

function setDirectoryTime(to: FileTree, path: string, timeNs: bigint): void {
  const handle = openPath(to, toByteText(path), false);
  if (handle === null) return;
  to.addon.utimensat(handle, '', timeNs, timeNs, AT_EMPTY_PATH);
  to.addon.close(handle);
}

/** Whether a file is a tar, packed or not: only its first block is unpacked. */
export async function isTar(addon: Addon, handle: number): Promise<boolean> {
  const descriptor = openForReading(addon, handle);
  try {
    for await (const block of firstBlock(decompress(readChunks(descriptor)))) return hasTarSum(block);
    return false;
  } catch (error) {
    // Not packed after all, or cut: then it is a file like any other.
    if (error instanceof OrlopError && error.kind === 'data-loss') return false;
    throw error;
  } finally {
    addon.close(descriptor);
  }
}

async function* firstBlock(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of source) {
    held = Buffer.concat([held, chunk]);
    if (held.length >= 512) return yield held.subarray(0, 512);
  }
}

/** The sum of a header's bytes with its own field as blanks (ustar, pax(1)). */
function hasTarSum(block: Buffer): boolean {
  const stated = Number.parseInt(block.toString('latin1', 148, 156).replace(/\0.*$/, '').trim(), 8);
  let sum = 8 * 32;
  for (const [at, byte] of block.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum === stated && sum !== 8 * 32;
}

/** A file from its beginning. A chunk is the reader's to keep. */
export async function* readChunks(descriptor: number): AsyncGenerator<Buffer> {
  for (let at = 0; ; ) {
    const buffer = Buffer.allocUnsafe(512 * 1024);
    const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
