import { isErrno } from '#errors';
import type { Addon } from '#sys';
import { endOfArchive } from '../tar/writer.ts';
import { coalesce, isDirectory, packDirectoryHeader, packInode, type Packing, type PackOptions } from '../layers/pack-inode.ts';
import { createMergedTree, type MergedDirectory, type MergedEntry, type MergedTree } from './merged-tree.ts';

/**
 * All that a stack of layers (absolute paths, top first) shows, as one tar: what `export` gives. Names in bytewise order, sockets left out, nothing
 * mounted. The same tree gives the same bytes. Fails as `packUpper` does.
 */
export async function* packMerged(addon: Addon, directories: readonly string[], options: PackOptions = {}): AsyncIterable<Buffer> {
  yield* coalesce(packPieces(addon, directories, options));
}

async function* packPieces(addon: Addon, directories: readonly string[], options: PackOptions): AsyncIterable<Buffer> {
  const tree = createMergedTree(addon, directories);
  const root = tree.openRoot();
  yield* packDirectory({ ...options, addon, linked: new Map() }, tree, root);
  yield endOfArchive();
}

/** Closes the directory. */
async function* packDirectory(packing: Packing, tree: MergedTree, directory: MergedDirectory): AsyncIterable<Buffer> {
  try {
    const top = directory.descriptors[0];
    // Gone since it was listed.
    if (top === undefined) return;
    yield packDirectoryHeader(packing.addon, top, directory.path, directory.facts).header;
    for (const entry of tree.list(directory)) {
      if (packing.leaveOut?.(entry.path, entry.facts) === true) continue;
      if (isDirectory(entry.facts)) yield* packDirectory(packing, tree, tree.open(entry));
      else yield* packEntry(packing, entry);
    }
  } finally {
    tree.close(directory);
  }
}

async function* packEntry(packing: Packing, entry: MergedEntry): AsyncIterable<Buffer> {
  let begun = false;
  try {
    for await (const piece of packInode(packing, entry)) {
      begun = true;
      yield piece;
    }
  } catch (error) {
    if (begun || packing.live !== true || !isErrno(error, 'ENOENT')) throw error;
  }
}
