import { readdirSync } from 'node:fs';
import { isErrno } from '#errors';
import { type ByteText, byteTextOf, fromByteText, toByteText } from '#store';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  type FileFacts,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  openInRoot,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  withErrno,
} from '#sys';

/** A directory tree that somebody else filled: a build context or the root of a stage. Paths in it are absolute and its own; links lead within it. */
export interface FileTree {
  readonly addon: Addon;
  /** Its top; borrowed. */
  readonly root: number;
}

/** A name in a directory, and nothing but that. */
export const plainly = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

export function isDirectory({ mode }: Pick<FileFacts, 'mode'>): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

export function isFile({ mode }: Pick<FileFacts, 'mode'>): boolean {
  return (mode & S_IFMT) === S_IFREG;
}

export function isLink({ mode }: Pick<FileFacts, 'mode'>): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}

export function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP');
}

/** O_PATH; null when nothing is there. The caller closes it. `follow` false: a final link itself. */
export function openPath({ addon, root }: FileTree, path: ByteText, follow = true): number | null {
  try {
    return openInRoot(addon, root, fromByteText(path === '' ? toByteText('/') : path), O_PATH | (follow ? 0 : O_NOFOLLOW));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** What an O_PATH descriptor of a directory or file refers to, for reading. The caller closes it. */
export function openForReading(addon: Addon, handle: number, flags = 0): number {
  return addon.openat2(AT_FDCWD, `/proc/self/fd/${handle}`, O_RDONLY | flags, 0, 0);
}

export function factsOf(addon: Addon, descriptor: number): FileFacts {
  return addon.fstatat(descriptor, '', AT_EMPTY_PATH);
}

/** In bytewise order. */
export function namesIn(directory: number): ByteText[] {
  const names: Buffer[] = withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { encoding: 'buffer' }));
  return names.map(byteTextOf).sort(byBytes);
}

export function byBytes(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function joinPath(parent: ByteText, name: ByteText): ByteText {
  return (parent === '' ? name : `${parent}/${name}`) as ByteText;
}
