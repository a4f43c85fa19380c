import { statSync } from 'node:fs';
import { AT_FDCWD } from '#sys';
import { packUpper } from '../layers/pack.ts';
import { changesOfUpper } from '../trees/changes.ts';
import { createSnapshotter, type OwnedSnapshotter, type SnapshotterParts } from './snapshotter.ts';

/** Snapshots for overlayfs. Making one costs a handful of mkdir(2), whatever the image's size. */
export function createOverlaySnapshotter(parts: SnapshotterParts): OwnedSnapshotter {
  const { addon } = parts;
  return createSnapshotter(parts, {
    name: 'overlay',
    isWhole: false,
    // The writable directory is the root that the container sees, so it looks like the root below it.
    fill(upper, chain) {
      const facts = statSync(chain[0] ?? '');
      addon.fchownat(AT_FDCWD, upper, facts.uid, facts.gid, 0);
      addon.fchmodat(AT_FDCWD, upper, facts.mode & 0o7777, 0);
    },
    stack: (upper, chain) => [upper, ...chain],
    changes: (upper, chain, options) => changesOfUpper(addon, upper, chain, options),
    commit: (upper, _chain, options) => packUpper(addon, upper, options),
  });
}
