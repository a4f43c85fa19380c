import { OrlopError } from '#errors';
import type { Digest } from '#oci';
import { namingChain } from './containers.ts';
import type { Database } from './database.ts';
import type { SnapshotRow, SnapshotRows } from './types.ts';

const columns = 'id, container_id, name, created_ns, image, chain, lost, record';

export function createSnapshotRows(db: Database): SnapshotRows {
  const put = db.prepare(
    `INSERT INTO snapshots (id, container_id, name, created_ns, image, chain, record) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record`,
  );
  const byName = db.prepare('SELECT id FROM snapshots WHERE container_id = ? AND name = ?');
  const ofContainer = db.prepare(`SELECT ${columns} FROM snapshots WHERE container_id = ? ORDER BY created_ns, id`);
  const all = db.prepare(`SELECT ${columns} FROM snapshots ORDER BY created_ns, id`);
  const remove = db.prepare('DELETE FROM snapshots WHERE id = ?');
  return {
    put(row) {
      db.transaction(() => {
        const holder = byName.get(row.containerId, row.name);
        if (holder !== null && holder['id'] !== row.id) {
          throw new OrlopError('already-exists', 'STORE_SNAPSHOT_NAME_IN_USE', `there is a snapshot named "${row.name}" already`, {
            hint: 'remove or rename that one, or choose another name',
          });
        }
        namingChain(row.chain, () => put.run(row.id, row.containerId, row.name, row.createdNs, row.image, row.chain, row.record));
      });
    },
    ofContainer: (containerId) => ofContainer.all(containerId).map(toRow),
    list: () => all.all().map(toRow),
    remove: (id) => remove.run(id) > 0,
  };
}

function toRow(row: Readonly<Record<string, unknown>>): SnapshotRow {
  return {
    id: row['id'] as string,
    containerId: row['container_id'] as string,
    name: row['name'] as string,
    createdNs: row['created_ns'] as bigint,
    image: row['image'] as Digest | null,
    chain: row['chain'] as Digest | null,
    isLost: Number(row['lost']) === 1,
    record: row['record'] as string,
  };
}
