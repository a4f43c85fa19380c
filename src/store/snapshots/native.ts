import { copyTree } from '../trees/copy-tree.ts';
import { changesBetween, layerBetween } from '../trees/layer-between.ts';
import { createSnapshotter, type OwnedSnapshotter, type SnapshotterParts } from './snapshotter.ts';

/**
 * Snapshots that are whole copies, for file systems that overlayfs cannot stand on. Where the file system can share blocks (btrfs, xfs, bcachefs) a copy
 * takes inodes and no data; elsewhere it takes what the image takes.
 */
export function createNativeSnapshotter(parts: SnapshotterParts): OwnedSnapshotter {
  const { addon } = parts;
  return createSnapshotter(parts, {
    name: 'native',
    isWhole: true,
    fill: (upper, chain) => copyTree(addon, chain, upper),
    stack: (upper) => [upper],
    changes: (upper, chain, options) => changesBetween(addon, chain, [upper], options),
    commit: (upper, chain, options) => layerBetween(addon, chain, [upper], options),
  });
}
