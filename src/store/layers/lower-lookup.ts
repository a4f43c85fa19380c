import { isErrno } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  type FileFacts,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  opaqueAttribute,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
} from '#sys';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { ancestorsOf } from './tree-path.ts';

/** A file found in a lower layer: the caller closes the O_PATH descriptor. */
export interface Found {
  readonly descriptor: number;
  readonly facts: FileFacts;
}

export function isWhiteout(facts: FileFacts): boolean {
  return (facts.mode & S_IFMT) === S_IFCHR && facts.rdevMajor === 0 && facts.rdevMinor === 0;
}

/**
 * Finds a path as overlayfs would show it through unpacked layers (descriptors of their trees, top first): whiteouts and opaque directories
 * hide what is below them. Links on the way are not followed. null when there is nothing.
 */
export function lookUp(addon: Addon, layers: readonly number[], path: ByteText): Found | null {
  for (const layer of layers) {
    const found = open(addon, layer, path);
    if (found !== null && !isWhiteout(found.facts)) return found;
    if (found !== null) {
      addon.close(found.descriptor);
      return null;
    }
    if (hides(addon, layer, path)) return null;
  }
  return null;
}

/** True when a directory above the path is not one in this layer, or is opaque: layers below cannot contribute. */
function hides(addon: Addon, layer: number, path: ByteText): boolean {
  for (const ancestor of ancestorsOf(path)) {
    const found = open(addon, layer, ancestor);
    if (found === null) return false;
    try {
      if ((found.facts.mode & S_IFMT) !== S_IFDIR) return true;
      if (addon.getxattr(found.descriptor, opaqueAttribute)?.toString() === 'y') return true;
    } finally {
      addon.close(found.descriptor);
    }
  }
  return false;
}

function open(addon: Addon, layer: number, path: ByteText): Found | null {
  try {
    const descriptor = addon.openat2(layer, fromByteText(path), O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    return { descriptor, facts: addon.fstatat(descriptor, '', AT_EMPTY_PATH) };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null;
    throw error;
  }
}

/** Opens the tree of a layer; the caller closes it. */
export function openTreeDirectory(addon: Addon, path: string): number {
  return addon.openat2(-100, path, O_PATH | O_DIRECTORY, 0, 0);
}
