import { readdirSync, readSync, writeSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import type { SpecMount } from '#oci';
import * as k from '#sys';
import { type Addon, openInRoot, withErrno } from '#sys';
import type { MountOptions } from '#sys';

/**
 * `tmpcopyup`: a tmpfs that begins with what the image has at its place, made detached. null when the image has no directory there, so that an ordinary
 * tmpfs does. Everything is reached from descriptors: whoever else writes in the root at the same time cannot lead us out of it.
 */
export function openCopiedTmpfs(addon: Addon, root: number, mount: SpecMount, { data }: MountOptions): number | null {
  const source = openDirectory(addon, root, mount.destination);
  if (source === null) return null;
  try {
    const target = addon.mountDetached('tmpfs', [['source', mount.source ?? 'tmpfs'], ...data.map(optionOf)], 0);
    try {
      copyDirectory(addon, source, target, !data.some((option) => option.startsWith('mode=')));
      return target;
    } catch (error) {
      addon.close(target);
      throw isErrno(error, 'ENOSPC') ? tooSmall(mount, error) : error;
    }
  } finally {
    addon.close(source);
  }
}

function optionOf(option: string): [string, string | null] {
  const equals = option.indexOf('=');
  return equals < 0 ? [option, null] : [option.slice(0, equals), option.slice(equals + 1)];
}

function tooSmall(mount: SpecMount, cause: unknown): OrlopError {
  return new OrlopError(
    'resource-exhausted',
    'RUNTIME_TMPFS_FULL',
    `the tmpfs on ${mount.destination} has no room for what the image has there`,
    {
      hint: 'give it a larger size, or leave tmpcopyup out',
      cause,
    },
  );
}

function openDirectory(addon: Addon, at: number, path: string): number | null {
  try {
    return openInRoot(addon, at, path, k.O_PATH | k.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

function copyDirectory(addon: Addon, source: number, target: number, attributes: boolean): void {
  for (const name of withErrno('directory', () => readdirSync(`/proc/self/fd/${source}`))) copyEntry(addon, source, target, name);
  if (attributes) copyAttributes(addon, source, '', target, '', k.AT_EMPTY_PATH);
}

function copyEntry(addon: Addon, source: number, target: number, name: string): void {
  const { mode, rdevMajor, rdevMinor } = addon.fstatat(source, name, k.AT_SYMLINK_NOFOLLOW);
  switch (mode & k.S_IFMT) {
    case k.S_IFDIR:
      return copySubdirectory(addon, source, target, name);
    case k.S_IFREG:
      copyContents(addon, source, target, name);
      break;
    case k.S_IFLNK:
      addon.symlinkat(addon.readlinkat(source, name), target, name);
      break;
    case k.S_IFSOCK:
      // Nobody listens on a copy.
      return;
    default:
      addon.mknodat(target, name, mode, rdevMajor, rdevMinor);
  }
  copyAttributes(addon, source, name, target, name, k.AT_SYMLINK_NOFOLLOW);
}

function copySubdirectory(addon: Addon, source: number, target: number, name: string): void {
  const from = addon.openat2(source, name, k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW, 0, k.RESOLVE_BENEATH);
  try {
    addon.mkdirat(target, name, 0o700);
    const to = addon.openat2(target, name, k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW, 0, k.RESOLVE_BENEATH);
    try {
      copyDirectory(addon, from, to, true);
    } finally {
      addon.close(to);
    }
  } finally {
    addon.close(from);
  }
}

function copyContents(addon: Addon, source: number, target: number, name: string): void {
  const from = addon.openat2(source, name, k.O_RDONLY | k.O_NOFOLLOW | k.O_NONBLOCK, 0, k.RESOLVE_BENEATH);
  try {
    const to = addon.openat2(target, name, k.O_WRONLY | k.O_CREAT | k.O_EXCL | k.O_NOFOLLOW, 0o600, k.RESOLVE_BENEATH);
    try {
      const buffer = Buffer.allocUnsafe(65_536);
      for (let length = readSync(from, buffer); length > 0; length = readSync(from, buffer))
        withErrno(name, () => writeAll(to, buffer, length));
    } finally {
      addon.close(to);
    }
  } finally {
    addon.close(from);
  }
}

function writeAll(file: number, buffer: Buffer, length: number): void {
  for (let written = 0; written < length; ) written += writeSync(file, buffer, written, length - written);
}

function copyAttributes(addon: Addon, source: number, sourceName: string, target: number, targetName: string, flags: number): void {
  const { mode, uid, gid, mtimeNs } = addon.fstatat(source, sourceName, flags);
  addon.fchownat(target, targetName, uid, gid, flags);
  // chmod(2) by the magic link works for what has no name of its own; links have no mode.
  if ((mode & k.S_IFMT) !== k.S_IFLNK)
    addon.fchmodat(k.AT_FDCWD, `/proc/self/fd/${target}${targetName === '' ? '' : `/${targetName}`}`, mode & 0o7777, 0);
  addon.utimensat(target, targetName, mtimeNs, mtimeNs, flags);
}
