import { existsSync, readdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '#log';
import { bootId, type Addon, type DiskLimits, removeTree } from '#sys';
import { layerTree, type Layout } from './layout.ts';
import type { LayerRows } from './metadata/layer-rows.ts';
import type { Turnovers } from './metadata/turnovers.ts';
import type { Metadata } from './metadata/types.ts';
import { releaseLimit } from './snapshots/snapshotter.ts';
import { finishTurnover, nextDisk, nextUpper } from './snapshots/turnover.ts';
import type { ChainId, ReconcileReport } from './types.ts';
import type { BackgroundTasks } from './background.ts';

export interface ReconcilerParts {
  readonly layout: Layout;
  readonly addon: Addon;
  readonly limits: DiskLimits;
  readonly metadata: Metadata;
  readonly layerRows: LayerRows;
  readonly turnovers: Turnovers;
  readonly background: BackgroundTasks;
  readonly logger: Logger | undefined;
}

/**
 * Makes database and directories agree after whatever happened: the database is right about what should be, the directories about what is.
 * Only names are changed before this returns; deleting goes on in the background.
 */
export async function reconcile(parts: ReconcilerParts): Promise<ReconcileReport> {
  const { layout, addon, limits, metadata, layerRows, background, logger } = parts;
  const leftovers = readdirSync(layout.ingest);
  // Before anything is missed: what was under way is where its row says, or gets there now.
  for (const turnover of parts.turnovers.list()) {
    if (metadata.containers.get(turnover.containerId) !== null) await finishTurnover(parts, turnover);
    parts.turnovers.remove(turnover.containerId);
  }
  const lost = lostLayers(layout, layerRows, bootId());
  layerRows.remove(lost);
  const known = new Set(layerRows.list().map(({ chainId }) => layerRows.treeOf(chainId)));
  const unknownLayers = readdirSync(layout.layers).filter((name) => name !== 'empty' && !known.has(name));
  for (const name of unknownLayers) await rename(join(layout.layers, name), layout.temporary('layer'));

  const rows = new Set(metadata.containers.list().map(({ id }) => id));
  const directories = readdirSync(layout.containers);
  const unknownContainers = directories.filter((id) => !rows.has(id));
  for (const id of unknownContainers) {
    releaseLimit(limits, join(layout.containers, id));
    await rename(join(layout.containers, id), layout.temporary('container'));
  }
  const present = new Set(directories);
  // Made for a turnover that did not come about.
  for (const id of rows) {
    for (const next of [nextUpper(layout, id), nextDisk(layout, id)]) if (existsSync(next)) await rename(next, layout.temporary('upper'));
  }

  for (const name of readdirSync(layout.ingest)) {
    background.add(removeTree(addon, join(layout.ingest, name)), (error) =>
      logger?.warn('a leftover could not be deleted', { name, error }),
    );
  }
  const report: ReconcileReport = {
    leftovers: leftovers.length,
    unknownLayers,
    lostLayers: lost,
    lostContainers: [...rows].filter((id) => !present.has(id)),
    unknownContainers,
  };
  say(logger, report);
  return report;
}

/** Those whose tree is gone, or whose files had not been brought to disk when the host went down, and all that stand on them. */
function lostLayers(layout: Layout, rows: LayerRows, boot: string): ChainId[] {
  const layers = rows.list();
  const byId = new Map(layers.map((layer) => [layer.chainId, layer]));
  const doubtful = new Set(rows.unsynced().flatMap((row) => (row.boot === boot ? [] : [row.chainId])));
  const isWhole = (chainId: ChainId): boolean => {
    const layer = byId.get(chainId);
    if (layer === undefined || doubtful.has(chainId)) return false;
    return existsSync(join(layout.layers, rows.treeOf(chainId), layerTree)) && (layer.parent === null || isWhole(layer.parent));
  };
  return layers.filter(({ chainId }) => !isWhole(chainId)).map(({ chainId }) => chainId);
}

function say(logger: Logger | undefined, report: ReconcileReport): void {
  if (report.lostLayers.length > 0) logger?.error('unpacked layers are missing and were forgotten', { layers: report.lostLayers });
  if (report.lostContainers.length > 0) logger?.error('directories of containers are missing', { containers: report.lostContainers });
  const mended = report.leftovers + report.unknownLayers.length + report.unknownContainers.length;
  if (mended > 0) logger?.info('cleared what an interrupted change left', { count: mended });
}
