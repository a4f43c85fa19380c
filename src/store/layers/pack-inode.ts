import { read, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { OrlopError } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  type FileFacts,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  opaqueAttribute,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  withErrno,
} from '#sys';
import { type ByteText, byteTextOf, fromByteText, showByteText } from '../tar/byte-text.ts';
import type { TarEntry, TarType } from '../tar/header.ts';
import { createTarEntry, formatTarEntry, padding } from '../tar/writer.ts';
import { isOverlayAttribute } from './attributes.ts';

const readAt = promisify(read);
export const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
const chunkBytes = 512 * 1024;

export interface PackOptions {
  /** Of a tree that is written to meanwhile: what vanishes is left out, a file has the size that it had when it was met. */
  readonly live?: boolean;
  /** True for what must not be in the archive. */
  readonly leaveOut?: (path: ByteText, facts: FileFacts) => boolean;
}

/** One packing: how, and the first path of each file with several names. */
export interface Packing extends PackOptions {
  readonly addon: Addon;
  readonly linked: Map<string, ByteText>;
}

/** Something that is no directory, where it was found. */
export interface Inode {
  /** Descriptor of the directory that it is in. */
  readonly parent: number;
  readonly name: ByteText;
  /** In the archive. */
  readonly path: ByteText;
  readonly facts: FileFacts;
}

/** Header and content of what is no directory; nothing for a socket. A further name of a file that was packed already is a link to the first. */
export async function* packInode(packing: Packing, inode: Inode): AsyncIterable<Buffer> {
  const { facts, path } = inode;
  const type = tarTypes[facts.mode & S_IFMT];
  if (type === undefined || type === 'directory') return;
  if (path.slice(path.lastIndexOf('/') + 1).startsWith('.wh.')) throw reserved(path);
  const first = facts.nlink > 1 ? rememberLink(packing, facts, path) : path;
  if (first !== path) return yield formatTarEntry({ ...describeInode(facts, path, 'link'), linkTarget: first });
  if (type === 'file') return yield* packFile(packing, inode);
  yield packSpecial(packing, inode, type);
}

export function isDirectory(facts: FileFacts): boolean {
  return (facts.mode & S_IFMT) === S_IFDIR;
}

/** The header of a directory that is open. `isPlainRoot`: it says nothing that a root would not be anyway, so that archives of layers do without it, as those of other builders. */
export function packDirectoryHeader(
  addon: Addon,
  descriptor: number,
  path: ByteText,
  facts: FileFacts,
): { header: Buffer; opaque: boolean; isPlainRoot: boolean } {
  const { xattrs, opaque } = readXattrs(addon, descriptor, path);
  const header = formatTarEntry({ ...describeInode(facts, path === '' ? ('./' as ByteText) : path, 'directory'), xattrs });
  const isPlain = (facts.mode & 0o7777) === 0o755 && facts.uid === 0 && facts.gid === 0 && xattrs.size === 0;
  return { header, opaque, isPlainRoot: path === '' && isPlain };
}

const tarTypes: Readonly<Record<number, TarType>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
};

async function* packFile({ addon, live = false }: Packing, { parent, name, path }: Inode): AsyncIterable<Buffer> {
  const descriptor = addon.openat2(parent, fromByteText(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, beneath);
  try {
    const facts = addon.fstatat(descriptor, '', AT_EMPTY_PATH);
    if ((facts.mode & S_IFMT) !== S_IFREG) throw changed(path);
    const { xattrs } = readXattrs(addon, descriptor, path);
    yield formatTarEntry({ ...describeInode(facts, path, 'file'), size: facts.size, xattrs });
    for (let at = 0; at < facts.size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, facts.size - at));
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, at);
      if (bytesRead === 0 && !live) throw changed(path);
      // Cut meanwhile: its header has said how long it is.
      const count = bytesRead === 0 ? buffer.fill(0).length : bytesRead;
      yield buffer.subarray(0, count);
      at += count;
    }
    yield padding(facts.size);
    if (!live && addon.fstatat(descriptor, '', AT_EMPTY_PATH).mtimeNs !== facts.mtimeNs) throw changed(path);
  } finally {
    addon.close(descriptor);
  }
}

function packSpecial({ addon }: Packing, { parent, name, path, facts }: Inode, type: TarType): Buffer {
  const descriptor = addon.openat2(parent, fromByteText(name), O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
  try {
    const { xattrs } = readXattrs(addon, descriptor, path);
    const linkTarget = type === 'symlink' ? byteTextOf(addon.readlinkatBytes(descriptor, '')) : ('' as ByteText);
    return formatTarEntry({ ...describeInode(facts, path, type), linkTarget, xattrs });
  } finally {
    addon.close(descriptor);
  }
}

export type DescribedFacts = Pick<FileFacts, 'mode' | 'uid' | 'gid' | 'mtimeNs' | 'rdevMajor' | 'rdevMinor'>;

/** What of an inode stands in the header of every kind of entry. */
export function describeInode(facts: DescribedFacts, path: ByteText, type: TarType): TarEntry {
  const device = type === 'character' || type === 'block';
  return createTarEntry({
    path,
    type,
    mode: type === 'symlink' ? 0o777 : facts.mode & 0o7777,
    uid: facts.uid,
    gid: facts.gid,
    mtimeNs: facts.mtimeNs,
    ...(device ? { major: facts.rdevMajor, minor: facts.rdevMinor } : {}),
  });
}

/** Without overlayfs' own, which would mean something else elsewhere. */
export function readXattrs(addon: Addon, descriptor: number, path: ByteText): { xattrs: Map<string, Buffer>; opaque: boolean } {
  const xattrs = new Map<string, Buffer>();
  let opaque = false;
  for (const name of addon.listxattr(descriptor)) {
    if (name === 'trusted.overlay.redirect' || name === 'trusted.overlay.metacopy') {
      throw new OrlopError('unimplemented', 'STORE_OVERLAY_REDIRECT', `${showByteText(path)} refers to its lower layers (${name})`, {
        hint: 'mount overlays with redirect_dir=off and metacopy=off',
      });
    }
    const value = addon.getxattr(descriptor, name);
    if (name === opaqueAttribute) opaque = value?.toString() === 'y';
    else if (value !== null && !isOverlayAttribute(name)) xattrs.set(name, value);
  }
  return { xattrs, opaque };
}

function rememberLink({ linked }: Packing, facts: FileFacts, path: ByteText): ByteText {
  const key = inodeKey(facts);
  const first = linked.get(key) ?? path;
  linked.set(key, first);
  return first;
}

/** Equal for two names of one file. */
export function inodeKey({ dev, ino }: FileFacts): string {
  return `${dev}:${ino}`;
}

/** The names in a directory, in bytewise order. */
export function listNames(directory: number): ByteText[] {
  const names: Buffer[] = withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { encoding: 'buffer' }));
  return names.map(byteTextOf).sort(compareBytes);
}

/** Strings compare by code unit, and here each unit is a byte. */
export function compareBytes(one: ByteText, other: ByteText): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function below(parent: ByteText, name: ByteText): ByteText {
  return (parent === '' ? name : `${parent}/${name}`) as ByteText;
}

function reserved(path: ByteText): OrlopError {
  return new OrlopError(
    'invalid-argument',
    'STORE_RESERVED_NAME',
    `file ${showByteText(path)} cannot be in a layer: names in .wh. mark deletions there`,
    {
      hint: 'rename it',
    },
  );
}

function changed(path: ByteText): OrlopError {
  return new OrlopError('conflict', 'STORE_CHANGED_WHILE_READ', `file ${showByteText(path)} changed while it was read`, {
    hint: 'stop or pause the container first',
  });
}

/** Few big pieces instead of many small ones: what hashes and compresses them works by the piece. */
export async function* coalesce(pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    if (piece.length === 0) continue;
    held.push(piece);
    bytes += piece.length;
    if (bytes < chunkBytes) continue;
    yield held.length === 1 ? piece : Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}
