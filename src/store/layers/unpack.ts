import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  inInitialUsers,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  opaqueAttribute,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFMT,
} from '#sys';
import { type ByteText, fromByteText, showByteText } from '../tar/byte-text.ts';
import { badTar, type TarEntry } from '../tar/header.ts';
import type { TarHandlers } from '../tar/reader.ts';
import { checkOwner, setNamedAttributes } from './attributes.ts';
import { copyUpDirectory, copyUpFile } from './copy-up.ts';
import { naming } from './entry-errors.ts';
import { createFileWriter } from './file-writer.ts';
import { isWhiteout } from './lower-lookup.ts';
import { createEntryMeter, defaultLimits, type EntryMeter, type UnpackLimits } from './limits.ts';
import { ancestorsOf, joinTreePath, parseTreePath, type TreePath } from './tree-path.ts';

export interface UnpackOptions {
  readonly addon: Addon;
  /** Descriptor of the empty directory to fill. */
  readonly root: number;
  /** Descriptor of a directory on the same file system for what entries replace; the caller deletes it. */
  readonly trash: number;
  /** Trees of the layers below, top first. Without any, whiteouts have nothing to hide and are dropped. */
  readonly lower: readonly number[];
  readonly limits?: UnpackLimits;
}

export interface Unpacked {
  /** Bytes of file content, without holes. */
  readonly size: number;
  /** Extended attributes that the file system does not take. */
  readonly skippedXattrs: number;
  /** Device nodes, which nobody can make in a machine. */
  readonly skippedDevices: number;
}

/** Tar handlers that fill a directory; `finish` sets the directories' times. */
export interface Unpacker extends TarHandlers {
  finish(): Unpacked;
  /** Closes what is open, at any time. */
  close(): void;
}

const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/** State of one unpacking. */
interface Unpacking extends UnpackOptions {
  /** The directory last used: archives come directory by directory. */
  parent: { readonly path: ByteText; readonly descriptor: number } | null;
  readonly directoryTimes: { readonly path: ByteText; readonly mtimeNs: bigint }[];
  size: number;
  skippedXattrs: number;
  skippedDevices: number;
  trashed: number;
  readonly meter: EntryMeter;
}

/**
 * Unpacks an OCI layer in overlay format. Each path is resolved inside `root` (openat2(2), RESOLVE_IN_ROOT): links of the archive, whether
 * absolute or with `..`, lead nowhere else. Entries replace earlier ones of their name. Errors name the entry: invalid-argument `STORE_BAD_TAR`
 * for what makes no sense, ErrnoErrors of the disk as they are.
 */
export function createUnpacker(options: UnpackOptions): Unpacker {
  const meter = createEntryMeter(options.limits ?? defaultLimits);
  const state: Unpacking = {
    ...options,
    meter,
    parent: null,
    directoryTimes: [],
    size: 0,
    skippedXattrs: 0,
    skippedDevices: 0,
    trashed: 0,
  };
  const files = createFileWriter(options.addon, (parent, name, make) => replacing(state, parent, name, make));
  /** null while what comes is no file of the layer: a whiteout may have data. */
  let file: TarEntry | null = null;
  return {
    entry(entry) {
      meter.entry(entry);
      file = null;
      naming(entry.path, () => {
        checkOwner(entry);
        const path = parseTreePath(entry.path);
        if (!isPlainFile(entry, path)) return makeEntry(state, path, entry);
        files.begin(openParent(state, path.parent), fromByteText(path.name), entry);
        file = entry;
      });
    },
    data(chunk, offset) {
      if (file === null) return;
      naming(file.path, () => files.data(chunk, offset));
      state.size += chunk.length;
      meter.data(chunk.length);
    },
    endOfFile() {
      if (file !== null) naming(file.path, () => void (state.skippedXattrs += files.finish()));
    },
    finish() {
      files.drain();
      setDirectoryTimes(state);
      return { size: state.size, skippedXattrs: state.skippedXattrs, skippedDevices: state.skippedDevices };
    },
    close() {
      files.close();
      forgetParent(state);
    },
  };
}

/** A file that is to be made: neither a whiteout nor in the root's place. */
function isPlainFile(entry: TarEntry, { name }: TreePath): boolean {
  return entry.type === 'file' && name !== '' && !name.startsWith(whiteoutPrefix);
}

/** All but files. */
function makeEntry(state: Unpacking, path: TreePath, entry: TarEntry): void {
  if (path.name === '') {
    if (entry.type !== 'directory') throw badTar(`the root ${showByteText(entry.path)} is no directory`);
    setRootAttributes(state, entry);
  } else if (path.name.startsWith(whiteoutPrefix)) makeWhiteout(state, path);
  else if (entry.type === 'directory') makeDirectory(state, path, entry);
  else if (entry.type === 'link') makeLink(state, path, entry);
  else makeSpecial(state, path, entry);
}

function makeDirectory(state: Unpacking, path: TreePath, entry: TarEntry): void {
  const { addon } = state;
  const parent = openParent(state, path.parent);
  const name = fromByteText(path.name);
  makeOrKeepDirectory(state, parent, name);
  state.skippedXattrs += setNamedAttributes(addon, parent, name, entry, false);
  state.directoryTimes.push({ path: joinTreePath(path), mtimeNs: entry.mtimeNs });
}

/** A whiteout in its place becomes an opaque directory: the archive hides what was there and makes something new. */
function makeOrKeepDirectory(state: Unpacking, parent: number, name: string | Buffer): void {
  const { addon } = state;
  try {
    addon.mkdirat(parent, name, 0o700);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const facts = addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
    if ((facts.mode & S_IFMT) === S_IFDIR) return;
    discard(state, parent, name);
    addon.mkdirat(parent, name, 0o700);
    if (isWhiteout(facts)) setOpaque(addon, parent, name);
  }
}

function makeLink(state: Unpacking, path: TreePath, entry: TarEntry): void {
  const { addon } = state;
  const target = parseTreePath(entry.linkTarget);
  if (target.name === '') throw badTar(`entry ${showByteText(entry.path)} links to the root`);
  // Both directories are needed at once, so the target's gets a descriptor of its own.
  const targetParent = addon.dup(openParent(state, target.parent));
  try {
    const targetName = fromByteText(target.name);
    copyUpFile(state, targetParent, target);
    const parent = openParent(state, path.parent);
    const name = fromByteText(path.name);
    if (isSameFile(addon, targetParent, targetName, parent, name)) return;
    const facts = addon.fstatat(targetParent, targetName, AT_SYMLINK_NOFOLLOW);
    if ((facts.mode & S_IFMT) === S_IFDIR) throw badTar(`entry ${showByteText(entry.path)} links to a directory`);
    replacing(state, parent, name, () => addon.linkat(targetParent, targetName, parent, name, 0));
  } finally {
    addon.close(targetParent);
  }
}

function isSameFile(addon: Addon, parent: number, name: string | Buffer, otherParent: number, otherName: string | Buffer): boolean {
  try {
    const [one, other] = [addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW), addon.fstatat(otherParent, otherName, AT_SYMLINK_NOFOLLOW)];
    return one.ino === other.ino && one.dev === other.dev;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function makeSpecial(state: Unpacking, path: TreePath, entry: TarEntry): void {
  const { addon } = state;
  const parent = openParent(state, path.parent);
  const name = fromByteText(path.name);
  if ((entry.type === 'block' || entry.type === 'character') && !inInitialUsers()) {
    state.skippedDevices++;
    return;
  }
  replacing(state, parent, name, () => {
    if (entry.type === 'symlink') addon.symlinkat(fromByteText(entry.linkTarget), parent, name);
    else if (entry.type === 'fifo') addon.mknodat(parent, name, S_IFIFO | 0o600, 0, 0);
    else addon.mknodat(parent, name, (entry.type === 'block' ? S_IFBLK : S_IFCHR) | 0o600, entry.major, entry.minor);
  });
  state.skippedXattrs += setNamedAttributes(addon, parent, name, entry, true);
}

/** image-spec layer, "Whiteouts": they hide lower layers only, wherever they stand in the archive. */
function makeWhiteout(state: Unpacking, path: TreePath): void {
  const { addon } = state;
  if (state.lower.length === 0) return;
  const parent = openParent(state, path.parent);
  if (path.name === opaqueMarker) return setOpaque(addon, parent, null);
  // aufs kept its own files under this prefix.
  if (path.name.startsWith(whiteoutPrefix + whiteoutPrefix)) return;
  const hidden = path.name.slice(whiteoutPrefix.length) as ByteText;
  if (hidden === '' || hidden === '.' || hidden === '..') throw badTar(`whiteout ${showByteText(joinTreePath(path))} names nothing`);
  const name = fromByteText(hidden);
  try {
    addon.mknodat(parent, name, S_IFCHR, 0, 0);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    const facts = addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
    if ((facts.mode & S_IFMT) === S_IFDIR) setOpaque(addon, parent, name);
  }
}

/** null: the directory itself. */
function setOpaque(addon: Addon, directory: number, name: string | Buffer | null): void {
  const descriptor =
    name === null ? addon.dup(directory) : addon.openat2(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_BENEATH);
  try {
    addon.setxattr(descriptor, opaqueAttribute, Buffer.from('y'));
  } finally {
    addon.close(descriptor);
  }
}

/** Makes something; what already has its name goes first. */
function replacing<T>(state: Unpacking, parent: number, name: string | Buffer, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    discard(state, parent, name);
    return make();
  }
}

/** Directories are moved away whole: deleting them can wait. */
function discard(state: Unpacking, parent: number, name: string | Buffer): void {
  const { addon } = state;
  // What is held open may have been reached through the thing that goes.
  if (parent !== state.parent?.descriptor) forgetParent(state);
  try {
    addon.unlinkat(parent, name, 0);
  } catch (error) {
    if (!isErrno(error, 'EISDIR', 'EPERM')) throw error;
    addon.renameat2(parent, name, state.trash, String(state.trashed++), 0);
  }
}

/** The directory that holds an entry. Those the archive does not mention look as in the layers below, or are root's and 0755. */
function openParent(state: Unpacking, path: ByteText): number {
  if (path === '') return state.root;
  if (state.parent?.path === path) return state.parent.descriptor;
  forgetParent(state);
  const descriptor = tryOpen(state, path) ?? makeParents(state, path);
  state.parent = { path, descriptor };
  return descriptor;
}

function tryOpen(state: Unpacking, path: ByteText): number | null {
  try {
    return state.addon.openat2(state.root, fromByteText(path), O_PATH | O_DIRECTORY, 0, inRoot);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function makeParents(state: Unpacking, path: ByteText): number {
  let parent = state.addon.dup(state.root);
  try {
    for (const prefix of [...ancestorsOf(path), path]) {
      const next = tryOpen(state, prefix) ?? makeParent(state, parent, prefix);
      state.addon.close(parent);
      parent = next;
    }
    return parent;
  } catch (error) {
    state.addon.close(parent);
    throw error;
  }
}

function makeParent(state: Unpacking, parent: number, path: ByteText): number {
  const { addon } = state;
  const name = fromByteText(parseTreePath(path).name);
  let opaque = false;
  try {
    const facts = addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
    if (!isWhiteout(facts)) throw badTar(`${showByteText(path)} is used as a directory but is none`);
    addon.unlinkat(parent, name, 0);
    opaque = true;
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  addon.mkdirat(parent, name, 0o755);
  const descriptor = addon.openat2(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_BENEATH);
  addon.fchmodat(parent, name, 0o755, 0);
  addon.fchownat(parent, name, 0, 0, AT_SYMLINK_NOFOLLOW);
  if (opaque) setOpaque(addon, descriptor, null);
  else {
    const mtimeNs = copyUpDirectory(addon, state.lower, path, descriptor);
    if (mtimeNs !== null) state.directoryTimes.push({ path, mtimeNs });
  }
  return descriptor;
}

function setRootAttributes(state: Unpacking, entry: TarEntry): void {
  state.skippedXattrs += setNamedAttributes(state.addon, state.root, '.', entry, false);
  state.directoryTimes.push({ path: '' as ByteText, mtimeNs: entry.mtimeNs });
}

/** Last, because making entries changes them; in order, so that a directory's last mention counts. */
function setDirectoryTimes(state: Unpacking): void {
  const { addon } = state;
  for (const { path, mtimeNs } of state.directoryTimes) {
    let descriptor: number;
    try {
      descriptor = addon.openat2(state.root, path === '' ? '.' : fromByteText(path), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, inRoot);
    } catch (error) {
      // A later entry took its place.
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) continue;
      throw error;
    }
    try {
      addon.utimensat(descriptor, '', mtimeNs, mtimeNs, AT_EMPTY_PATH);
    } finally {
      addon.close(descriptor);
    }
  }
}

function forgetParent(state: Unpacking): void {
  if (state.parent !== null) state.addon.close(state.parent.descriptor);
  state.parent = null;
}
