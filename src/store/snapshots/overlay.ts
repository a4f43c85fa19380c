import { packUpper } from '../layers/pack.ts';
import { changesOfUpper } from '../trees/changes.ts';
import { createSnapshotter, makeUpper, type OwnedSnapshotter, type SnapshotterParts } from './snapshotter.ts';

/** Snapshots for overlayfs. Making one costs a handful of mkdir(2), whatever the image's size. */
export function createOverlaySnapshotter(parts: SnapshotterParts): OwnedSnapshotter {
  const { addon } = parts;
  return createSnapshotter(parts, {
    name: 'overlay',
    fill: (upper, chain) => makeUpper(addon, upper, chain[0] ?? ''),
    stack: (upper, chain) => [upper, ...chain],
    changes: (upper, chain, options) => changesOfUpper(addon, upper, chain, options),
    commit: (upper, _chain, options) => packUpper(addon, upper, options),
  });
}
