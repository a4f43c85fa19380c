import { read, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { OrlopError } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
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
import { createTarEntry, endOfArchive, formatTarEntry, padding } from '../tar/writer.ts';
import { isOverlayAttribute } from './attributes.ts';
import { isWhiteout, opaqueAttribute } from './lower-lookup.ts';

const readAt = promisify(read);
const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
const chunkBytes = 512 * 1024;

/** One packing: the directory, and the first path of each file with several names. */
interface Packing {
  readonly addon: Addon;
  readonly root: number;
  readonly linked: Map<string, ByteText>;
}

/**
 * An overlay upper directory as the tar of an OCI layer: names in bytewise order, whiteouts and opaque directories in OCI's form, sockets left
 * out. The same tree gives the same bytes. Fails with conflict `STORE_CHANGED_WHILE_READ` when a file changes meanwhile, and with unimplemented
 * `STORE_OVERLAY_REDIRECT` for what only the overlay's lower layers could explain (redirect_dir, metacopy).
 */
export async function* packUpper(addon: Addon, directory: string): AsyncIterable<Buffer> {
  yield* coalesce(packPieces(addon, directory));
}

async function* packPieces(addon: Addon, directory: string): AsyncIterable<Buffer> {
  const root = addon.openat2(AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0, 0);
  try {
    const packing: Packing = { addon, root, linked: new Map() };
    yield* packDirectory(packing, '' as ByteText, addon.fstatat(root, '', AT_EMPTY_PATH));
    yield endOfArchive();
  } finally {
    addon.close(root);
  }
}

/** Recursion is as deep as the tree; PATH_MAX bounds it. */
async function* packDirectory(packing: Packing, path: ByteText, facts: FileFacts): AsyncIterable<Buffer> {
  const { addon, root } = packing;
  const descriptor = addon.openat2(root, path === '' ? '.' : fromByteText(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
  try {
    const { xattrs, opaque } = readXattrs(addon, descriptor, path);
    yield formatTarEntry({ ...describe(facts, path === '' ? ('./' as ByteText) : path, 'directory'), xattrs });
    if (opaque) yield formatTarEntry(createTarEntry({ path: below(path, '.wh..wh..opq' as ByteText), type: 'file' }));
    for (const name of list(descriptor)) yield* packEntry(packing, descriptor, name, below(path, name));
  } finally {
    addon.close(descriptor);
  }
}

async function* packEntry(packing: Packing, parent: number, name: ByteText, path: ByteText): AsyncIterable<Buffer> {
  const { addon } = packing;
  const facts = addon.fstatat(parent, fromByteText(name), AT_SYMLINK_NOFOLLOW);
  if (isWhiteout(facts))
    return yield formatTarEntry(createTarEntry({ path: below(parentOf(path), `.wh.${name}` as ByteText), type: 'file' }));
  if (name.startsWith('.wh.')) {
    throw new OrlopError(
      'invalid-argument',
      'STORE_RESERVED_NAME',
      `file ${showByteText(path)} cannot be in a layer: names in .wh. mark deletions there`,
      {
        hint: 'rename it',
      },
    );
  }
  const type = tarTypes[facts.mode & S_IFMT];
  if (type === undefined) return;
  if (type === 'directory') return yield* packDirectory(packing, path, facts);
  const first = facts.nlink > 1 ? rememberLink(packing, facts, path) : path;
  if (first !== path) return yield formatTarEntry({ ...describe(facts, path, 'link'), linkTarget: first });
  if (type === 'file') return yield* packFile(addon, parent, name, path);
  yield packSpecial(addon, parent, name, path, facts, type);
}

const tarTypes: Readonly<Record<number, TarType>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
  [S_IFIFO]: 'fifo',
};

async function* packFile(addon: Addon, parent: number, name: ByteText, path: ByteText): AsyncIterable<Buffer> {
  const descriptor = addon.openat2(parent, fromByteText(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, beneath);
  try {
    const facts = addon.fstatat(descriptor, '', AT_EMPTY_PATH);
    if ((facts.mode & S_IFMT) !== S_IFREG) throw changed(path);
    const { xattrs } = readXattrs(addon, descriptor, path);
    yield formatTarEntry({ ...describe(facts, path, 'file'), size: facts.size, xattrs });
    for (let at = 0; at < facts.size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, facts.size - at));
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw changed(path);
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
    yield padding(facts.size);
    if (addon.fstatat(descriptor, '', AT_EMPTY_PATH).mtimeNs !== facts.mtimeNs) throw changed(path);
  } finally {
    addon.close(descriptor);
  }
}

function packSpecial(addon: Addon, parent: number, name: ByteText, path: ByteText, facts: FileFacts, type: TarType): Buffer {
  const descriptor = addon.openat2(parent, fromByteText(name), O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
  try {
    const { xattrs } = readXattrs(addon, descriptor, path);
    const linkTarget = type === 'symlink' ? byteTextOf(addon.readlinkatBytes(descriptor, '')) : ('' as ByteText);
    return formatTarEntry({ ...describe(facts, path, type), linkTarget, xattrs });
  } finally {
    addon.close(descriptor);
  }
}

function describe(facts: FileFacts, path: ByteText, type: TarType): TarEntry {
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

function readXattrs(addon: Addon, descriptor: number, path: ByteText): { xattrs: Map<string, Buffer>; opaque: boolean } {
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
  const key = `${facts.dev}:${facts.ino}`;
  const first = linked.get(key) ?? path;
  linked.set(key, first);
  return first;
}

function list(directory: number): ByteText[] {
  const names: Buffer[] = withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { encoding: 'buffer' }));
  return names.map(byteTextOf).sort(compareBytes);
}

/** Strings compare by code unit, and here each unit is a byte. */
function compareBytes(one: ByteText, other: ByteText): number {
  return one < other ? -1 : 1;
}

function below(parent: ByteText, name: ByteText): ByteText {
  return (parent === '' ? name : `${parent}/${name}`) as ByteText;
}

function parentOf(path: ByteText): ByteText {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0)) as ByteText;
}

function changed(path: ByteText): OrlopError {
  return new OrlopError('conflict', 'STORE_CHANGED_WHILE_READ', `file ${showByteText(path)} changed while it was read`, {
    hint: 'stop or pause the container first',
  });
}

/** Few big pieces instead of many small ones: what hashes and compresses them works by the piece. */
async function* coalesce(pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    if (piece.length === 0) continue;
    held.push(piece);
    bytes += piece.length;
    if (bytes < chunkBytes) continue;
    yield Buffer.concat(held, bytes);
    held = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(held, bytes);
}
