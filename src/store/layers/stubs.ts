import { posix } from 'node:path';
import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  opaqueAttribute,
  S_IFMT,
  S_IFREG,
} from '#sys';
import { byteTextOf } from '../tar/byte-text.ts';
import { lookUp, openTreeDirectory } from './lower-lookup.ts';
import { beneath, isDirectory, listNames } from './pack-inode.ts';

/**
 * Takes out of an upper directory what a start made there only to mount something on it: empty files and directories at these absolute places, and directories that were
 * made, or copied up, for their sake. What else a container made or changed stays. `lower`: absolute, top first.
 */
export function removeStubs(addon: Addon, upper: string, lower: readonly string[], places: readonly string[]): void {
  using open = new DisposableStack();
  const hold = (descriptor: number): number => open.adopt(descriptor, (one) => addon.close(one));
  const top = hold(addon.openat2(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0, 0));
  const layers = lower.map((path) => hold(openTreeDirectory(addon, path)));
  const clean = places.map((place) => posix.resolve('/', place).slice(1)).filter((place) => place !== '');
  // The deepest first: then what they lie in may be empty.
  for (const place of new Set(clean.toSorted().toReversed())) {
    for (let path = place, isStub = true; path !== '.' && isStub; path = posix.dirname(path)) {
      isStub = removeStub(addon, top, layers, { path, isPlace: path === place });
    }
  }
}

interface Stub {
  readonly path: string;
  /** The place itself, not a directory above it. */
  readonly isPlace: boolean;
}

/** true: it is gone, or was not there. */
function removeStub(addon: Addon, top: number, layers: readonly number[], { path, isPlace }: Stub): boolean {
  const parent = openBeneath(addon, top, posix.dirname(path));
  if (parent === null) return true;
  try {
    const name = posix.basename(path);
    const facts = statOrNothing(addon, parent, name);
    if (facts === null) return true;
    const below = lookUp(addon, layers, byteTextOf(Buffer.from(path)));
    if (below !== null) addon.close(below.descriptor);
    const known = below?.facts ?? null;
    if (isDirectory(facts)) {
      if (!isEmpty(addon, parent, name)) return false;
      // Of a directory that was there only what was copied up to hold a stub goes.
      if (known !== null && !looksAlike(facts, known)) return false;
      addon.unlinkat(parent, name, AT_REMOVEDIR);
      return true;
    }
    if (!isPlace || known !== null || facts.size > 0 || (facts.mode & S_IFMT) !== S_IFREG) return false;
    addon.unlinkat(parent, name, 0);
    return true;
  } finally {
    addon.close(parent);
  }
}

function looksAlike(one: FileFacts, other: FileFacts): boolean {
  return one.mode === other.mode && one.uid === other.uid && one.gid === other.gid;
}

function isEmpty(addon: Addon, parent: number, name: string): boolean {
  const descriptor = addon.openat2(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
  try {
    // An opaque one hides what is below it: it is a change although nothing is in it.
    return listNames(descriptor).length === 0 && addon.getxattr(descriptor, opaqueAttribute) === null;
  } finally {
    addon.close(descriptor);
  }
}

function openBeneath(addon: Addon, top: number, path: string): number | null {
  try {
    return addon.openat2(top, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
}

function statOrNothing(addon: Addon, parent: number, name: string): FileFacts | null {
  try {
    return addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Whether an upper directory says anything that the tree below it does not: entries, or another mode or owner of the root. */
export function saysNothing(addon: Addon, upper: string, below: string): boolean {
  const descriptor = addon.openat2(AT_FDCWD, upper, O_RDONLY | O_DIRECTORY, 0, 0);
  try {
    if (listNames(descriptor).length > 0) return false;
    return looksAlike(addon.fstatat(descriptor, '', AT_EMPTY_PATH), addon.fstatat(AT_FDCWD, below, 0));
  } finally {
    addon.close(descriptor);
  }
}
