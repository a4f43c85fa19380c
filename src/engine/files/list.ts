import { readdirSync } from 'node:fs';
import { isErrno } from '#errors';
import * as k from '#sys';
import { withErrno, type Addon, type FileFacts } from '#sys';
import type { FileEntry, FileListing, FileType } from '#wire';
import { openAsked, type AskedPath } from './paths.ts';
import { insideId, isDirectory, isMissing, type ContainerRoot } from './root.ts';

const types: Readonly<Record<number, FileType>> = {
  [k.S_IFREG]: 'file',
  [k.S_IFDIR]: 'directory',
  [k.S_IFLNK]: 'symlink',
  [k.S_IFCHR]: 'character',
  [k.S_IFBLK]: 'block',
  [k.S_IFIFO]: 'fifo',
  [k.S_IFSOCK]: 'socket',
};

/** What a path is, and what is in it. What vanishes meanwhile is left out. */
export function listPath(addon: Addon, root: ContainerRoot, asked: AskedPath, container: string): FileListing {
  const handle = openAsked(addon, root, asked, container);
  try {
    const facts = addon.fstatat(handle, '', k.AT_EMPTY_PATH);
    const entry = entryOf(addon, root, { handle, name: asked.name, facts });
    return { entry, entries: isDirectory(facts) ? listEntries(addon, root, handle) : null };
  } finally {
    addon.close(handle);
  }
}

function listEntries(addon: Addon, root: ContainerRoot, directory: number): FileEntry[] {
  const names = withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { encoding: 'buffer' }));
  return names.toSorted(Buffer.compare).flatMap((name) => {
    const handle = openOrGone(addon, directory, name);
    if (handle === null) return [];
    try {
      const facts = factsUnlessClosed(addon, handle);
      return [facts === null ? closedEntry(name.toString()) : entryOf(addon, root, { handle, name: name.toString(), facts })];
    } finally {
      addon.close(handle);
    }
  });
}

/** null: the kernel lets nobody in from outside of the user namespace that a file system in user space was mounted in (fuse.rst, allow_other). */
export function factsUnlessClosed(addon: Addon, handle: number): FileFacts | null {
  try {
    return addon.fstatat(handle, '', k.AT_EMPTY_PATH);
  } catch (error) {
    if (isErrno(error, 'EACCES')) return null;
    throw error;
  }
}

/** A place where such a file system is mounted: as closed as it is to us. */
function closedEntry(name: string): FileEntry {
  return { name, type: 'directory', mode: 0, uid: 65534, gid: 65534, links: 1, sizeBytes: 0, modifiedMs: 0, target: null, device: null };
}

/** A name in a directory (O_PATH), itself; null when it has gone. */
export function openOrGone(addon: Addon, directory: number, name: string | Uint8Array): number | null {
  try {
    return addon.openat2(directory, name, k.O_PATH | k.O_NOFOLLOW, 0, k.RESOLVE_BENEATH | k.RESOLVE_NO_MAGICLINKS);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

interface Seen {
  readonly handle: number;
  readonly name: string;
  readonly facts: FileFacts;
}

function entryOf(addon: Addon, root: ContainerRoot, { handle, name, facts }: Seen): FileEntry {
  const type = types[facts.mode & k.S_IFMT] ?? 'file';
  return {
    name,
    type,
    mode: facts.mode & 0o7777,
    uid: insideId(root, facts.uid),
    gid: insideId(root, facts.gid),
    links: facts.nlink,
    sizeBytes: facts.size,
    modifiedMs: Number(facts.mtimeNs / 1_000_000n),
    target: type === 'symlink' ? addon.readlinkat(handle, '') : null,
    device: type === 'character' || type === 'block' ? [facts.rdevMajor, facts.rdevMinor] : null,
  };
}
