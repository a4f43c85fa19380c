import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import { formatDigest } from '#oci';
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, removeTree } from '#sys';
import { extendChain } from '../layers/chain.ts';
import { publish } from '../layers/layers.ts';
import { removeStubs, saysNothing } from '../layers/stubs.ts';
import { layerTree } from '../layout.ts';
import { copyLayer } from '../trees/copy-tree.ts';
import { measureTree } from '../trees/measure-tree.ts';
import type { ChainId, Layer, Lease, RootChange } from '../types.ts';
import type { Driver, SnapshotterParts } from './snapshotter.ts';
import { turnOver } from './turnover.ts';

/** A container's writable directory and what is below it; absolute, top first. */
export interface Writable {
  readonly containerId: string;
  readonly upper: string;
  readonly chain: ChainId | null;
  readonly lower: readonly string[];
  readonly stubs: readonly string[];
}

/**
 * A layer that nobody has read: its digest would take as long as its size. A random number stands for it, so that it has a chain-id like others; `LayerStore.alias` gives it its
 * true one when it becomes part of an image.
 */
function unreadLayer(parent: ChainId | null): Layer {
  const diffId = formatDigest('sha256', randomBytes(32).toString('hex'));
  return { chainId: extendChain(parent, diffId), parent, diffId, size: 0 };
}

/** See `Snapshotter.push`. */
export async function pushUpper(
  parts: SnapshotterParts,
  driver: Driver,
  lease: Lease,
  { containerId, upper, chain, lower, stubs }: Writable,
  change: RootChange,
): Promise<Layer | null> {
  const { addon, background, rows } = parts;
  removeStubs(addon, upper, lower, stubs);
  if (saysNothing(addon, upper, lower[0] ?? '')) return null;
  const layer = unreadLayer(chain);
  if (chain !== null) lease.hold({ layer: chain });
  lease.hold({ layer: layer.chainId });
  await turnOver(parts, { containerId, layer, chain: layer.chainId, change, fill: (directory) => driver.fill(directory, [upper]) });
  const count = async (): Promise<void> => {
    const [tree = ''] = parts.directories(layer.chainId);
    rows.setSize(layer.chainId, (await measureTree(addon, join(parts.layout.root, tree))).bytes);
  };
  // For `system df` alone: a layer that is gone meanwhile needs no size.
  background.add(count(), () => undefined);
  return layer;
}

/** See `Snapshotter.keep`. */
export async function keepUpper(
  parts: SnapshotterParts,
  lease: Lease,
  { upper, chain, lower, stubs }: Writable,
  onRead: (() => Promise<void>) | undefined,
): Promise<Layer | null> {
  const { addon, layout } = parts;
  if (chain !== null) lease.hold({ layer: chain });
  const temporary = layout.temporary('layer');
  const tree = join(temporary, layerTree);
  mkdirSync(tree, { recursive: true, mode: 0o700 });
  try {
    await copyLayer(addon, upper, tree);
    await onRead?.();
    removeStubs(addon, tree, lower, stubs);
    if (saysNothing(addon, tree, lower[0] ?? '')) return null;
    const { bytes } = await measureTree(addon, tree);
    const directory = addon.openat2(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0, 0);
    try {
      await addon.syncfsAside(directory);
    } finally {
      addon.close(directory);
    }
    const { diffId } = unreadLayer(chain);
    return await publish(parts, lease, { tree, parent: chain, diffId, size: bytes });
  } finally {
    await removeTree(addon, temporary);
  }
}

export function limitedSnapshot(containerId: string): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'STORE_LIMITED_SNAPSHOT',
    `the writable part of container ${containerId.slice(0, 12)} has a limited size, or is a whole copy: it cannot become a layer by a rename`,
  );
}
