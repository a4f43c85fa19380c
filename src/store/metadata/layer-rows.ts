import type { Digest } from '#oci';
import type { ChainId, Layer } from '../types.ts';
import type { Database } from './database.ts';

/** Which layers are unpacked. Inside the store only: other rooms see `LayerStore`. */
export interface LayerRows {
  insert(layer: Layer): void;
  get(chainId: ChainId): Layer | null;
  /** Parents before children. */
  list(): Layer[];
  /** Forgets layers; those stacked on them must be among them. Containers that stand on one keep their row, without chain. */
  remove(chainIds: readonly ChainId[]): void;
}

export function createLayerRows(db: Database): LayerRows {
  const insert = db.prepare('INSERT OR IGNORE INTO layers (chain_id, parent, diff_id, size, created_ns) VALUES (?, ?, ?, ?, ?)');
  const get = db.prepare('SELECT chain_id, parent, diff_id, size FROM layers WHERE chain_id = ?');
  const all = db.prepare('SELECT chain_id, parent, diff_id, size FROM layers ORDER BY created_ns');
  const remove = db.prepare('DELETE FROM layers WHERE chain_id = ?');
  const cutParent = db.prepare('UPDATE layers SET parent = NULL WHERE parent = ?');
  const cutContainers = db.prepare('UPDATE containers SET chain = NULL WHERE chain = ?');
  return {
    insert(layer) {
      insert.run(layer.chainId, layer.parent, layer.diffId, layer.size, BigInt(Date.now()) * 1_000_000n);
    },
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
  };
}
