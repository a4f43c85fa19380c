import { existsSync, mkdirSync } from 'node:fs';
import { rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Addon, removeTree, syncDirectory } from '#sys';
import type { BackgroundTasks } from '../background.ts';
import { layerName, layerTree, type Layout } from '../layout.ts';
import type { LayerRows } from '../metadata/layer-rows.ts';
import type { Turnover, Turnovers } from '../metadata/turnovers.ts';
import type { ChainId, Layer, RootChange } from '../types.ts';

/**
 * A container gets a new writable directory, and the one before becomes a layer or goes. Both happen in directories and in the database, so it is done in this order:
 *
 *     1  containers/<id>/upper.next       is made, and layers/<layer>/; synced
 *     2  row of the turnover, row of the layer, what the container stands on    one transaction; on disk before anything moves
 *     3  upper -> layers/<layer>/fs       or into ingest/
 *     4  upper.next -> upper              synced
 *     5  the row of the turnover goes
 *
 * Cut off before 2 is on disk, nothing has happened, and opening the store clears away what 1 made. After it, opening the store does 3 to 5 (`finishTurnover`): as long as there is
 * an `upper.next`, `upper` is still the old directory, or gone already.
 */
export interface TurnoverParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly rows: LayerRows;
  readonly turnovers: Turnovers;
  readonly background: BackgroundTasks;
  readonly transaction: <T>(change: () => T) => T;
  readonly flushed: () => Promise<void>;
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
}

export function nextUpper(layout: Layout, containerId: string): string {
  return join(layout.container(containerId), 'upper.next');
}

/** All or nothing, whatever fails; see above. */
export async function turnOver(parts: TurnoverParts, { containerId, layer, chain, fill, change }: TurnoverWish): Promise<void> {
  const { layout, addon, rows, turnovers, transaction } = parts;
  const next = nextUpper(layout, containerId);
  await using undo = new AsyncDisposableStack();
  await removeTree(addon, next);
  mkdirSync(next, { mode: 0o700 });
  undo.defer(() => removeTree(addon, next));
  await fill(next);
  await syncDirectory(next);
  await syncDirectory(layout.container(containerId));
  if (layer !== null) {
    const home = layout.layer(layer.chainId);
    mkdirSync(home, { mode: 0o700 });
    undo.defer(() => rmdir(home));
    await syncDirectory(layout.layers);
  }
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
  await parts.flushed();
  await moveDirectories(parts, turnover);
  undo.move();
  await settle(parts, turnover);
  turnovers.remove(containerId);
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
  const upper = join(layout.container(containerId), 'upper');
  const next = nextUpper(layout, containerId);
  if (!existsSync(next)) return;
  const target = layer === null ? layout.temporary('upper') : treeOf(layout, layer);
  const moves = existsSync(upper) && !existsSync(target);
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

async function settle({ layout }: Pick<TurnoverParts, 'layout'>, { containerId, layer }: Turnover): Promise<void> {
  if (layer !== null) await syncDirectory(layout.layer(layer));
  await syncDirectory(layout.container(containerId));
}

function treeOf(layout: Layout, chainId: ChainId): string {
  return join(layout.layers, layerName(chainId), layerTree);
}
