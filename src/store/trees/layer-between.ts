import { setImmediate } from 'node:timers/promises';
import type { Addon } from '#sys';
import { coalesce, isDirectory, packDirectoryHeader, packInode, type Packing, type PackOptions } from '../layers/pack-inode.ts';
import { whiteoutPath } from '../layers/pack.ts';
import { ancestorsOf } from '../layers/tree-path.ts';
import type { ByteText } from '../tar/byte-text.ts';
import { createTarEntry, endOfArchive, formatTarEntry } from '../tar/writer.ts';
import type { Change, ChangesOptions } from '../types.ts';
import { inOrder, note } from './changes.ts';
import { compareTrees, type TreeDifference } from './compare.ts';
import { createMergedTree, type MergedDirectory, type MergedTree } from './merged-tree.ts';

/**
 * The tar of a layer that turns one stack of layers into another (absolute paths, top first): what is new or changed, the directories that lead there, and
 * whiteouts. Applied on top of `before` it shows `after`. The same trees give the same bytes.
 */
export async function* layerBetween(
  addon: Addon,
  before: readonly string[],
  after: readonly string[],
  options: PackOptions = {},
): AsyncIterable<Buffer> {
  const tree = createMergedTree(addon, after);
  const difference = await compareTrees(addon, createMergedTree(addon, before), tree, options);
  yield* coalesce(packDifference({ ...options, addon, linked: new Map() }, tree, difference));
}

/** The same as a list, for `diff`. */
export async function changesBetween(
  addon: Addon,
  before: readonly string[],
  after: readonly string[],
  options: ChangesOptions = {},
): Promise<Change[]> {
  const { changed, added, gone } = await compareTrees(addon, createMergedTree(addon, before), createMergedTree(addon, after), options);
  const changes = new Map<ByteText, Change['kind']>();
  for (const path of changed) if (path !== '') note(changes, path, added.has(path) ? 'A' : 'C');
  for (const path of gone) note(changes, path, 'D');
  return inOrder(changes);
}

async function* packDifference(packing: Packing, tree: MergedTree, { changed, gone }: TreeDifference): AsyncIterable<Buffer> {
  const wanted = new Set<ByteText>(changed);
  for (const path of [...changed, ...gone]) for (const ancestor of ancestorsOf(path)) wanted.add(ancestor);
  yield* packWanted(packing, tree, tree.openRoot(), wanted);
  for (const path of [...gone].sort()) yield formatTarEntry(createTarEntry({ path: whiteoutPath(path), type: 'file' }));
  yield endOfArchive();
}

/** Closes the directory. */
async function* packWanted(
  packing: Packing,
  tree: MergedTree,
  directory: MergedDirectory,
  wanted: ReadonlySet<ByteText>,
): AsyncIterable<Buffer> {
  try {
    const top = directory.descriptors[0];
    if (top === undefined) return;
    if (directory.path !== '' || wanted.has('' as ByteText))
      yield packDirectoryHeader(packing.addon, top, directory.path, directory.facts).header;
    await setImmediate();
    for (const entry of tree.list(directory)) {
      if (!wanted.has(entry.path) || packing.leaveOut?.(entry.path, entry.facts) === true) continue;
      if (isDirectory(entry.facts)) yield* packWanted(packing, tree, tree.open(entry), wanted);
      else yield* packInode(packing, entry);
    }
  } finally {
    tree.close(directory);
  }
}
