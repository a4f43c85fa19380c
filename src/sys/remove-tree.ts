import { readdirSync, type Dirent } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { isErrno } from '#errors';
import type { Addon, PathText } from './addon.ts';
import * as k from './constants.ts';
import { withErrno } from './errno.ts';
import { createGiveWay } from './give-way.ts';

/** Directories nested deeper are first moved to the top of the tree: no number of levels exhausts descriptors or the stack. */
const deepest = 48;

interface Removal {
  readonly addon: Addon;
  readonly top: number;
  readonly giveWay: () => Promise<void>;
  moved: number;
}

/**
 * Removes `path` with all that is below it, whatever its names and depth; a missing one is fine. Symbolic links are removed, never followed, and mount points
 * are never entered: one fails with ErrnoError EXDEV. Gives way to the event loop as it goes. What it cannot remove (EPERM: immutable) stops it.
 */
export async function removeTree(addon: Addon, path: string): Promise<void> {
  const absolute = resolve(path);
  const name = basename(absolute);
  let parent: number;
  try {
    parent = addon.openat2(k.AT_FDCWD, dirname(absolute), k.O_PATH | k.O_DIRECTORY, 0, 0);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  try {
    await removeEntry(addon, parent, name);
  } finally {
    addon.close(parent);
  }
}

async function removeEntry(addon: Addon, parent: number, name: string): Promise<void> {
  const directory = openDirectory(addon, parent, name);
  if (directory === 'missing') return;
  if (directory === 'not a directory') return unlink(addon, parent, name, 0);
  try {
    await empty({ addon, top: directory, giveWay: createGiveWay(), moved: 0 }, directory, 0);
  } finally {
    addon.close(directory);
  }
  unlink(addon, parent, name, k.AT_REMOVEDIR);
}

/** Somebody else may be removing the same. */
function unlink(addon: Addon, parent: number, name: PathText, flags: number): void {
  try {
    addon.unlinkat(parent, name, flags);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

function openDirectory(addon: Addon, parent: number, name: PathText): number | 'missing' | 'not a directory' {
  try {
    const resolve = k.RESOLVE_BENEATH | k.RESOLVE_NO_SYMLINKS | k.RESOLVE_NO_XDEV;
    return addon.openat2(parent, name, k.O_RDONLY | k.O_DIRECTORY | k.O_NOFOLLOW, 0, resolve);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'missing';
    if (isErrno(error, 'ENOTDIR', 'ELOOP')) return 'not a directory';
    throw error;
  }
}

async function empty(removal: Removal, directory: number, depth: number): Promise<void> {
  // The top gains entries while deep directories are moved to it, so it is read until it is empty.
  for (let entries = list(directory); entries.length > 0; entries = list(directory)) {
    for (const entry of entries) await removeOne(removal, directory, entry, depth);
    if (directory !== removal.top) return;
  }
}

function list(directory: number): Dirent<Buffer>[] {
  return withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { withFileTypes: true, encoding: 'buffer' }));
}

async function removeOne(removal: Removal, directory: number, entry: Dirent<Buffer>, depth: number): Promise<void> {
  const { addon } = removal;
  await removal.giveWay();
  if (!entry.isDirectory()) return unlink(addon, directory, entry.name, 0);
  if (depth >= deepest) return moveToTop(removal, directory, entry.name);
  const child = openDirectory(addon, directory, entry.name);
  if (child === 'missing') return;
  if (child === 'not a directory') return unlink(addon, directory, entry.name, 0);
  try {
    await empty(removal, child, depth + 1);
  } finally {
    addon.close(child);
  }
  unlink(addon, directory, entry.name, k.AT_REMOVEDIR);
}

function moveToTop(removal: Removal, directory: number, name: Buffer): void {
  for (;;) {
    try {
      return removal.addon.renameat2(directory, name, removal.top, `.deep-${removal.moved++}`, k.RENAME_NOREPLACE);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}
