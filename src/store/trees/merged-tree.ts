import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  opaqueAttribute,
} from '#sys';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { isWhiteout } from '../layers/lower-lookup.ts';
import { below, beneath, compareBytes, isDirectory, listNames } from '../layers/pack-inode.ts';

/** A directory as overlayfs would show it: the directories of the layers that make it up, open, top first. The top one's mode and owner count. */
export interface MergedDirectory {
  readonly path: ByteText;
  readonly facts: FileFacts;
  readonly descriptors: readonly number[];
}

export interface MergedEntry {
  readonly name: ByteText;
  readonly path: ByteText;
  readonly facts: FileFacts;
  /** The open directory of the layer that shows it. */
  readonly parent: number;
  /** For a directory: where to look for what makes it up, from the layer that shows it downwards. */
  readonly parents: readonly number[];
}

/**
 * A stack of unpacked layers, read as overlayfs would show it and without mounting anything: whiteouts and opaque directories hide what is below them. One
 * directory alone is such a stack too. Nothing outside of the layers is ever reached: links are not followed, mounts not entered.
 */
export interface MergedTree {
  openRoot(): MergedDirectory;
  /** In bytewise order of the names. */
  list(directory: MergedDirectory): MergedEntry[];
  open(entry: MergedEntry): MergedDirectory;
  close(directory: MergedDirectory): void;
}

/** `directories`: absolute paths, top first. `asLayer`: whiteouts are entries like others. */
export function createMergedTree(addon: Addon, directories: readonly string[], { asLayer = false } = {}): MergedTree {
  const close = ({ descriptors }: Pick<MergedDirectory, 'descriptors'>): void => {
    for (const descriptor of descriptors) addon.close(descriptor);
  };
  return {
    openRoot() {
      const descriptors: number[] = [];
      try {
        for (const path of directories) {
          const descriptor = addon.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
          descriptors.push(descriptor);
          if (isOpaque(addon, descriptor)) break;
        }
        return { path: '' as ByteText, facts: addon.fstatat(descriptors[0] ?? -1, '', AT_EMPTY_PATH), descriptors };
      } catch (error) {
        close({ descriptors });
        throw error;
      }
    },
    list: (directory) => listMerged(addon, directory, asLayer),
    open({ path, name, facts, parents }) {
      const descriptors: number[] = [];
      try {
        for (const parent of parents) {
          const descriptor = openDirectory(addon, parent, name);
          if (descriptor === 'absent') continue;
          if (descriptor === 'hidden') break;
          descriptors.push(descriptor);
          if (isOpaque(addon, descriptor)) break;
        }
        return { path, facts, descriptors };
      } catch (error) {
        close({ descriptors });
        throw error;
      }
    },
    close,
  };
}

function listMerged(addon: Addon, { path, descriptors }: MergedDirectory, asLayer: boolean): MergedEntry[] {
  const entries = new Map<ByteText, MergedEntry | null>();
  for (const [index, parent] of descriptors.entries()) {
    for (const name of listNames(parent)) {
      if (entries.has(name)) continue;
      const facts = tryStat(addon, parent, name);
      if (facts === null) continue;
      // null: hidden from here down.
      const entry = { name, path: below(path, name), facts, parent, parents: descriptors.slice(index) };
      entries.set(name, isWhiteout(facts) && !asLayer ? null : entry);
    }
  }
  const shown = [...entries.values()].filter((entry) => entry !== null);
  return descriptors.length === 1 ? shown : shown.sort((one, other) => compareBytes(one.name, other.name));
}

/** A container may remove a file while its directory is read. */
function tryStat(addon: Addon, parent: number, name: ByteText): FileFacts | null {
  try {
    return addon.fstatat(parent, fromByteText(name), AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** `hidden`: something that is no directory ends the stack here. */
function openDirectory(addon: Addon, parent: number, name: ByteText): number | 'absent' | 'hidden' {
  const facts = tryStat(addon, parent, name);
  if (facts === null) return 'absent';
  if (!isDirectory(facts)) return 'hidden';
  try {
    return addon.openat2(parent, fromByteText(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return 'hidden';
    throw error;
  }
}

function isOpaque(addon: Addon, descriptor: number): boolean {
  try {
    return addon.getxattr(descriptor, opaqueAttribute)?.toString() === 'y';
  } catch (error) {
    // A mounted overlay keeps its attributes to itself; before Linux 6.7 it says so in this way.
    if (isErrno(error, 'EOPNOTSUPP')) return false;
    throw error;
  }
}
