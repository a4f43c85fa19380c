import { existsSync, mkdirSync, statSync } from 'node:fs';
import { open, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Addon, AT_FDCWD, removeTree, syncDirectory } from '#sys';
import type { BackgroundTasks } from '../background.ts';
import { layerName, layerTree, type Layout } from '../layout.ts';
import type { LayerRows } from '../metadata/layer-rows.ts';
import type { Turnover, Turnovers } from '../metadata/turnovers.ts';
import type { ChainId, Layer, RootChange } from '../types.ts';

/**
 * A container gets a new writable directory, and the one before becomes a layer or goes. Both happen in directories and in the database, so it is done in this order:
 *
 *     1  containers/<id>/upper.next       is made, and layers/<layer>/
 *     2  row of the turnover, row of the layer, what the container stands on    one transaction; 1 and 2 are on disk before anything moves
 *     3  upper -> layers/<layer>/fs       or into ingest/
 *     4  upper.next -> upper
 *     5  when that is on disk, the row of the turnover goes; nobody waits for it
 *
 * A container whose writable part is in a disk of its own gets a new disk in the same way: `disk.ext4.next` takes the place of `disk.ext4`, in one rename.
 *
 * Cut off before 2 is on disk, nothing has happened, and opening the store clears away what 1 made. After it, opening the store does 3 to 5 (`finishTurnover`): as long as there is
 * an `upper.next`, or the layer has no tree, `upper` is still the old directory, or gone already.
 */
export interface TurnoverParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly rows: LayerRows;
  readonly turnovers: Turnovers;
  readonly background: BackgroundTasks;
  readonly transaction: <T>(change: () => T) => T;
  readonly flushed: () => Promise<void>;
  /** Of containers, what the next turnover waits for. */
  readonly settling: Map<string, Promise<void>>;
}

export interface TurnoverWish {
  readonly containerId: string;
  /** What the old directory becomes; null: nothing. */
  readonly layer: Layer | null;
  /** What the container stands on then. */
  readonly chain: ChainId | null;
  /** Makes of an empty directory what the writable one is to be at first. */
  readonly fill: (directory: string) => Promise<void> | void;
  readonly change: RootChange;
  /** The writable part is a disk: makes a new one of this name. */
  readonly makeDisk?: (path: string) => Promise<void>;
}

export function nextUpper(layout: Layout, containerId: string): string {
  return join(layout.container(containerId), 'upper.next');
}

export function nextDisk(layout: Layout, containerId: string): string {
  return join(layout.container(containerId), 'disk.ext4.next');
}

/** All or nothing, whatever fails; see above. */
export async function turnOver(parts: TurnoverParts, { containerId, layer, chain, fill, change, makeDisk }: TurnoverWish): Promise<void> {
  const { layout, addon, rows, turnovers, transaction } = parts;
  const next = makeDisk === undefined ? nextUpper(layout, containerId) : nextDisk(layout, containerId);
  await parts.settling.get(containerId);
  await using undo = new AsyncDisposableStack();
  await removeTree(addon, next);
  undo.defer(() => removeTree(addon, next));
  if (makeDisk === undefined) {
    mkdirSync(next, { mode: 0o700 });
    await fill(next);
  } else {
    await makeDisk(next);
    await syncFile(next);
  }
  const made = [layout.container(containerId), ...(makeDisk === undefined ? [next] : [])];
  if (layer !== null) {
    const home = layout.layer(layer.chainId);
    mkdirSync(home, { mode: 0o700 });
    undo.defer(() => rmdir(home));
    made.push(layout.layers);
  }
  // What is thrown away cannot be told from what takes its place by what is left of a layer: there the directory must be on disk before the row.
  if (layer === null) await Promise.all(made.map(syncDirectory));
  const turnover: Turnover = { containerId, layer: layer?.chainId ?? null };
  transaction(() => {
    turnovers.put(turnover);
    if (layer !== null) rows.insert(layer);
    change.commit(chain);
  });
  undo.defer(() =>
    transaction(() => {
      turnovers.remove(containerId);
      change.undo();
      if (layer !== null) rows.remove([layer.chainId]);
    }),
  );
  // A layer's tree without its row would be cleared away: the row must be there first, also after a power cut.
  await Promise.all([parts.flushed(), ...(layer === null ? [] : made.map(syncDirectory))]);
  await moveDirectories(parts, turnover);
  undo.move();
  const settled = settle(parts, turnover).then(() => turnovers.remove(containerId));
  const over = settled
    .catch(() => undefined)
    .then(() => {
      if (parts.settling.get(containerId) === over) parts.settling.delete(containerId);
    });
  parts.settling.set(containerId, over);
  // Its row stays, and the next opening of the store sees that the directories are right already.
  parts.background.add(settled, () => undefined);
}

/** What an engine that ended left of a turnover. Can be repeated, and gone on with after a crash at any point. */
export async function finishTurnover(parts: Pick<TurnoverParts, 'layout' | 'addon' | 'background'>, turnover: Turnover): Promise<void> {
  await moveDirectories(parts, turnover);
  await settle(parts, turnover);
}

/** Steps 3 and 4, both or none. */
async function moveDirectories(
  { layout, addon, background }: Pick<TurnoverParts, 'layout' | 'addon' | 'background'>,
  { containerId, layer }: Turnover,
): Promise<void> {
  const disk = nextDisk(layout, containerId);
  if (existsSync(disk)) return rename(disk, disk.slice(0, -'.next'.length));
  const upper = join(layout.container(containerId), 'upper');
  const next = nextUpper(layout, containerId);
  if (layer !== null && existsSync(upper) && !existsSync(next) && !existsSync(treeOf(layout, layer))) makeNext(addon, upper, next);
  if (!existsSync(next)) return;
  const target = layer === null ? layout.temporary('upper') : treeOf(layout, layer);
  const moves = existsSync(upper) && !existsSync(target);
  if (moves && layer !== null) mkdirSync(layout.layer(layer), { recursive: true, mode: 0o700 });
  if (moves) await rename(upper, target);
  try {
    await rename(next, upper);
  } catch (error) {
    if (moves) await rename(target, upper);
    throw error;
  }
  // What is not deleted now is when the store is opened.
  if (layer === null && moves) background.add(removeTree(addon, target), () => undefined);
}

/** The row got to disk before the directory did: a new one that looks like the old one, as `fill` made it. */
function makeNext(addon: Addon, upper: string, next: string): void {
  const { uid, gid, mode } = statSync(upper);
  mkdirSync(next, { mode: 0o700 });
  addon.fchownat(AT_FDCWD, next, uid, gid, 0);
  addon.fchmodat(AT_FDCWD, next, mode & 0o7777, 0);
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

async function settle({ layout }: Pick<TurnoverParts, 'layout'>, { containerId, layer }: Turnover): Promise<void> {
  const changed = [layout.container(containerId), ...(layer === null ? [] : [layout.layer(layer), layout.layers])];
  await Promise.all(changed.map(syncDirectory));
}

function treeOf(layout: Layout, chainId: ChainId): string {
  return join(layout.layers, layerName(chainId), layerTree);
}
