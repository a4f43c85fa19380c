import { mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { isErrno } from '#errors';
import { removeTree } from '#sys';
import { copyTree } from '../trees/copy-tree.ts';
import { changesBetween, layerBetween } from '../trees/layer-between.ts';
import { createSnapshotter, type OwnedSnapshotter, type SnapshotterParts } from './snapshotter.ts';

/**
 * Snapshots that are whole copies, for file systems that overlayfs cannot stand on. Where the file system can share blocks (btrfs, xfs, bcachefs) a copy
 * takes inodes and no data; elsewhere it takes what the image takes.
 */
export function createNativeSnapshotter(parts: SnapshotterParts): OwnedSnapshotter {
  const { addon, layout } = parts;
  return createSnapshotter(parts, {
    name: 'native',
    async fill(upper, chain) {
      // A copy takes its time: it gets its name when it is whole.
      const temporary = layout.temporary('snapshot');
      mkdirSync(temporary, { mode: 0o700 });
      try {
        await copyTree(addon, chain, temporary);
        await rename(temporary, upper);
      } catch (error) {
        await removeTree(addon, temporary).catch((failure: unknown) => {
          if (!isErrno(failure, 'ENOENT')) throw failure;
        });
        throw error;
      }
    },
    stack: (upper) => [upper],
    changes: (upper, chain, options) => changesBetween(addon, chain, [upper], options),
    commit: (upper, chain, options) => layerBetween(addon, chain, [upper], options),
  });
}
