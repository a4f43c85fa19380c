import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '#sys';

const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
/** Less is no whole block. */
const smallestBytes = 4_096;
const deepest = 200;

/** What looks for equal files works with. */
export interface Searching {
  readonly addon: Addon;
  readonly giveWay: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

/** A file by its tree (a descriptor) and its place in it (`./usr/bin/x`): containers go on working meanwhile, so it is opened anew each time, past no link. */
export interface Found extends Pick<FileFacts, 'dev' | 'ino' | 'size' | 'mode' | 'uid' | 'gid' | 'mtimeNs' | 'nlink' | 'blocks'> {
  readonly tree: number;
  readonly path: string;
}

/** A tree whose files are looked at; null: it is not there. The descriptor is the caller's. */
export function openTreeToSearch(addon: Addon, path: string): number | null {
  try {
    return addon.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** All regular files of a tree that are large enough to be worth it. */
export async function findFiles(searching: Searching, tree: number): Promise<Found[]> {
  const found: Found[] = [];
  await walk(searching, tree, '.', found, 0);
  return found;
}

async function walk(searching: Searching, tree: number, directory: string, found: Found[], depth: number): Promise<void> {
  const { addon } = searching;
  const opened = openFound(addon, { tree, path: directory }, O_DIRECTORY);
  if (opened === null) return;
  try {
    for (const name of await readdir(`/proc/self/fd/${opened}`)) {
      await searching.giveWay();
      searching.signal?.throwIfAborted();
      const path = `${directory}/${name}`;
      const facts = factsAt(addon, opened, name);
      const kind = facts === null ? 0 : facts.mode & S_IFMT;
      if (kind === S_IFDIR && depth < deepest) await walk(searching, tree, path, found, depth + 1);
      if (facts !== null && kind === S_IFREG && facts.size >= smallestBytes) found.push({ ...facts, tree, path });
    }
  } finally {
    addon.close(opened);
  }
}

/** null: it is gone. */
export function factsAt(addon: Addon, directory: number, name: string): FileFacts | null {
  try {
    return addon.fstatat(directory, name, 0x100);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** null: it is gone, or something else by now. */
export function openFound(addon: Addon, { tree, path }: Pick<Found, 'tree' | 'path'>, flags = 0): number | null {
  try {
    return addon.openat2(tree, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | flags, 0, beneath);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO', 'ENODEV', 'EAGAIN')) return null;
    throw error;
  }
}

/** Of its content; null: it is not what it was. */
export async function hashOf({ addon, giveWay, signal }: Searching, found: Found): Promise<string | null> {
  const { size } = found;
  const file = openFound(addon, found);
  if (file === null) return null;
  try {
    if ((addon.fstatat(file, '', AT_EMPTY_PATH).mode & S_IFMT) !== S_IFREG) return null;
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(size, 2 ** 20));
    for (let at = 0; at < size; ) {
      signal?.throwIfAborted();
      const count = readSync(file, buffer, 0, buffer.length, at);
      if (count === 0) return null;
      hash.update(buffer.subarray(0, count));
      at += count;
      await giveWay();
    }
    return hash.digest('hex');
  } finally {
    addon.close(file);
  }
}
