import type { Digest } from '#oci';
import { layerName } from '../layout.ts';
import type { ChainId, Layer } from '../types.ts';
import type { Database } from './database.ts';

/** Which layers are unpacked. Inside the store only: other rooms see `LayerStore`. */
export interface LayerRows {
  /** `boot`: its files are not known to be on disk, and lost if the host goes down before `synced`: it is good as long as the kernel runs that has this id. */
  insert(layer: Layer, boot?: string): void;
  /** The directory below `layers/` that its tree is in: its own, or that of a layer which is the same on disk. */
  treeOf(chainId: ChainId): string;
  /** What it was found to take. */
  setSize(chainId: ChainId, sizeBytes: number): void;
  /** Layers whose files are not known to be on disk, with the boot in which they were made. */
  unsynced(): { readonly chainId: ChainId; readonly boot: string }[];
  /** The files of these are on disk. */
  synced(chainIds: readonly ChainId[]): void;
  get(chainId: ChainId): Layer | null;
  /** Parents before children. */
  list(): Layer[];
  /** Forgets layers; those stacked on them must be among them. Containers that stand on one keep their row, without chain, snapshots theirs as lost; steps of builds that made one are forgotten. */
  remove(chainIds: readonly ChainId[]): void;
}

export function createLayerRows(db: Database): LayerRows {
  const insert = db.prepare('INSERT OR IGNORE INTO layers (chain_id, parent, diff_id, size, created_ns, tree) VALUES (?, ?, ?, ?, ?, ?)');
  const get = db.prepare('SELECT chain_id, parent, diff_id, size, tree FROM layers WHERE chain_id = ?');
  const all = db.prepare('SELECT chain_id, parent, diff_id, size, tree FROM layers ORDER BY created_ns');
  const remove = db.prepare('DELETE FROM layers WHERE chain_id = ?');
  const cutParent = db.prepare('UPDATE layers SET parent = NULL WHERE parent = ?');
  const cutContainers = db.prepare('UPDATE containers SET chain = NULL WHERE chain = ?');
  const cutSnapshots = db.prepare('UPDATE snapshots SET chain = NULL, lost = 1 WHERE chain = ?');
  const setSize = db.prepare('UPDATE layers SET size = ? WHERE chain_id = ?');
  const dropSteps = db.prepare('DELETE FROM build_steps WHERE chain = ?');
  const markUnsynced = db.prepare('INSERT OR REPLACE INTO unsynced_layers (chain_id, boot) VALUES (?, ?)');
  const unsynced = db.prepare('SELECT chain_id, boot FROM unsynced_layers');
  const markSynced = db.prepare('DELETE FROM unsynced_layers WHERE chain_id = ?');
  return {
    insert(layer, boot) {
      db.transaction(() => {
        insert.run(layer.chainId, layer.parent, layer.diffId, layer.size, BigInt(Date.now()) * 1_000_000n, layer.tree ?? null);
        if (boot !== undefined) markUnsynced.run(layer.chainId, boot);
      });
    },
    unsynced: () => unsynced.all().map((row) => ({ chainId: row['chain_id'] as ChainId, boot: row['boot'] as string })),
    synced(chainIds) {
      db.transaction(() => {
        for (const chainId of chainIds) markSynced.run(chainId);
      });
    },
    treeOf(chainId) {
      const tree = get.get(chainId)?.['tree'];
      return typeof tree === 'string' ? tree : layerName(chainId);
    },
    setSize: (chainId, sizeBytes) => void setSize.run(sizeBytes, chainId),
    get(chainId) {
      const row = get.get(chainId);
      return row === null ? null : toLayer(row);
    },
    list: () => all.all().map(toLayer),
    remove(chainIds) {
      db.transaction(() => {
        for (const chainId of chainIds) {
          cutParent.run(chainId);
          cutContainers.run(chainId);
          cutSnapshots.run(chainId);
          dropSteps.run(chainId);
          markSynced.run(chainId);
          remove.run(chainId);
        }
      });
    },
  };
}

function toLayer(row: Readonly<Record<string, unknown>>): Layer {
  return {
    chainId: row['chain_id'] as ChainId,
    parent: row['parent'] as ChainId | null,
    diffId: row['diff_id'] as Digest,
    size: Number(row['size']),
    ...(row['tree'] === null ? {} : { tree: row['tree'] as string }),
  };
}
