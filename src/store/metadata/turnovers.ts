import type { ChainId } from '../types.ts';
import type { Database } from './database.ts';

/** A container gets a new writable directory: what becomes of the one before. A row is there only until the directories have their names. */
export interface Turnover {
  readonly containerId: string;
  /** The layer whose tree it becomes; null: it goes. */
  readonly layer: ChainId | null;
}

export interface Turnovers {
  put(turnover: Turnover): void;
  list(): Turnover[];
  remove(containerId: string): void;
}

export function createTurnovers(db: Database): Turnovers {
  const put = db.prepare('INSERT OR REPLACE INTO turnovers (container_id, layer) VALUES (?, ?)');
  const all = db.prepare('SELECT container_id, layer FROM turnovers');
  const remove = db.prepare('DELETE FROM turnovers WHERE container_id = ?');
  return {
    put: ({ containerId, layer }) => void put.run(containerId, layer),
    list: () => all.all().map((row) => ({ containerId: row['container_id'] as string, layer: row['layer'] as ChainId | null })),
    remove: (containerId) => void remove.run(containerId),
  };
}
