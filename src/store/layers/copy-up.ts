import { closeSync, fchmodSync, openSync } from 'node:fs';
import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
  RESOLVE_BENEATH,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  withErrno,
} from '#sys';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { isOverlayAttribute } from './attributes.ts';
import { lookUp } from './lower-lookup.ts';
import { joinTreePath, type TreePath } from './tree-path.ts';

/**
 * Makes a directory that the archive only implies look like the one below it, for overlayfs shows the uppermost's mode and owner. Answers the
 * time to give it at the end; null when there is none below.
 */
export function copyUpDirectory(addon: Addon, lower: readonly number[], path: ByteText, directory: number): bigint | null {
  const found = lookUp(addon, lower, path);
  if (found === null) return null;
  try {
    if ((found.facts.mode & S_IFMT) !== S_IFDIR) return null;
    addon.fchownat(directory, '', found.facts.uid, found.facts.gid, AT_EMPTY_PATH);
    addon.fchmodat(directory, '.', found.facts.mode & 0o7777, 0);
    copyXattrs(addon, found.descriptor, directory);
    return found.facts.mtimeNs;
  } finally {
    addon.close(found.descriptor);
  }
}

/** An archive may link to a file of a layer below: it is copied into this layer first. Nothing happens when this layer has it, or none has. */
export function copyUpFile(state: { readonly addon: Addon; readonly lower: readonly number[] }, parent: number, path: TreePath): void {
  const { addon, lower } = state;
  const name = fromByteText(path.name);
  if (lower.length === 0 || exists(addon, parent, name)) return;
  const found = lookUp(addon, lower, joinTreePath(path));
  if (found === null) return;
  try {
    if ((found.facts.mode & S_IFMT) !== S_IFREG) return;
    const target = addon.openat2(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600, RESOLVE_BENEATH);
    try {
      copyContent(addon, found.descriptor, target, found.facts.size);
      addon.fchownat(target, '', found.facts.uid, found.facts.gid, AT_EMPTY_PATH);
      withErrno('file', () => fchmodSync(target, found.facts.mode & 0o7777));
      copyXattrs(addon, found.descriptor, target);
      addon.utimensat(target, '', found.facts.mtimeNs, found.facts.mtimeNs, AT_EMPTY_PATH);
    } finally {
      addon.close(target);
    }
  } finally {
    addon.close(found.descriptor);
  }
}

function copyContent(addon: Addon, from: number, to: number, size: number): void {
  const source = withErrno('file', () => openSync(`/proc/self/fd/${from}`, 'r'));
  try {
    for (let at = 0; at < size; ) {
      const copied = addon.copyFileRange(source, at, to, at, Math.min(size - at, 1 << 30));
      if (copied === 0) return;
      at += copied;
    }
  } finally {
    closeSync(source);
  }
}

function copyXattrs(addon: Addon, from: number, to: number): void {
  for (const name of addon.listxattr(from)) {
    const value = isOverlayAttribute(name) ? null : addon.getxattr(from, name);
    if (value !== null) addon.setxattr(to, name, value);
  }
}

function exists(addon: Addon, parent: number, name: string | Buffer): boolean {
  try {
    addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
