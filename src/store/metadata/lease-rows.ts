import type { Database } from './database.ts';

/** Leases with a time to live: they outlast the engine. */
export interface LeaseRows {
  insert(id: string, expiresNs: bigint): void;
  hold(id: string, kind: string, key: string): void;
  remove(id: string): void;
  removeExpired(nowNs: bigint): void;
  list(): { readonly id: string; readonly kind: string; readonly key: string }[];
}

export function createLeaseRows(db: Database): LeaseRows {
  const insert = db.prepare('INSERT INTO leases (id, expires_ns) VALUES (?, ?)');
  const hold = db.prepare('INSERT OR IGNORE INTO lease_resources (lease_id, kind, key) VALUES (?, ?, ?)');
  const remove = db.prepare('DELETE FROM leases WHERE id = ?');
  const expire = db.prepare('DELETE FROM leases WHERE expires_ns <= ?');
  const all = db.prepare('SELECT lease_id, kind, key FROM lease_resources');
  return {
    insert(id, expiresNs) {
      insert.run(id, expiresNs);
    },
    hold(id, kind, key) {
      hold.run(id, kind, key);
    },
    remove(id) {
      remove.run(id);
    },
    removeExpired(nowNs) {
      expire.run(nowNs);
    },
    list: () => all.all().map((row) => ({ id: row['lease_id'] as string, kind: row['kind'] as string, key: row['key'] as string })),
  };
}
