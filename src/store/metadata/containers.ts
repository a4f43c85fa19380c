import { OrlopError } from '#errors';
import type { Digest } from '#oci';
import { type Database, isForeignKeyError } from './database.ts';
import type { ContainerRow, Containers } from './types.ts';

const columns = 'id, name, kind, created_ns, image, chain, record';

export function createContainers(db: Database): Containers {
  const insert = db.prepare(`INSERT INTO containers (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const update = db.prepare('UPDATE containers SET name = ?, record = ?, chain = ?, image = ? WHERE id = ?');
  const byId = db.prepare(`SELECT ${columns} FROM containers WHERE id = ?`);
  const byName = db.prepare(`SELECT ${columns} FROM containers WHERE name = ?`);
  const byPrefix = db.prepare(`SELECT ${columns} FROM containers WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`);
  const all = db.prepare(`SELECT ${columns} FROM containers ORDER BY created_ns, id`);
  const remove = db.prepare('DELETE FROM containers WHERE id = ?');
  const removeSnapshots = db.prepare('DELETE FROM snapshots WHERE container_id = ?');
  const removeEndpoints = db.prepare('DELETE FROM endpoints WHERE container_id = ?');

  const refuseTakenName = (id: string, name: string): void => {
    const holder = byName.get(name);
    if (holder !== null && holder['id'] !== id) throw nameInUse(name, String(holder['id']));
  };
  const get = (id: string): ContainerRow | null => toRow(byId.get(id));

  return {
    insert(row) {
      db.transaction(() => {
        refuseTakenName(row.id, row.name);
        if (byId.get(row.id) !== null) throw new OrlopError('already-exists', 'STORE_CONTAINER_EXISTS', `container ${row.id} exists`);
        namingChain(row.chain, () => insert.run(row.id, row.name, row.kind, row.createdNs, row.image, row.chain, row.record));
      });
    },
    update(id, change) {
      db.transaction(() => {
        const row = get(id);
        if (row === null) throw new OrlopError('not-found', 'STORE_CONTAINER_NOT_FOUND', `no container ${id}`);
        const next = { ...row, ...change };
        refuseTakenName(id, next.name);
        namingChain(next.chain, () => update.run(next.name, next.record, next.chain, next.image, id));
      });
    },
    get,
    byName: (name) => toRow(byName.get(name)),
    byIdPrefix: (prefix, limit = 2) => byPrefix.all(prefix, `${prefix}\u{10ffff}`, limit).map((row) => toRow(row) as ContainerRow),
    list: () => all.all().map((row) => toRow(row) as ContainerRow),
    remove: (id) =>
      db.transaction(() => {
        removeEndpoints.run(id);
        removeSnapshots.run(id);
        return remove.run(id) > 0;
      }),
  };
}

export function namingChain(chain: Digest | null, write: () => unknown): void {
  try {
    write();
  } catch (error) {
    if (!isForeignKeyError(error)) throw error;
    throw new OrlopError('failed-precondition', 'STORE_LAYER_NOT_FOUND', `no unpacked layer ${chain}`, { cause: error });
  }
}

function nameInUse(name: string, holder: string): OrlopError {
  return new OrlopError('already-exists', 'STORE_NAME_IN_USE', `the name "${name}" is in use by container ${holder.slice(0, 12)}`, {
    hint: 'remove or rename that container, or choose another name',
    details: { name, holder },
  });
}

function toRow(row: Readonly<Record<string, unknown>> | null): ContainerRow | null {
  if (row === null) return null;
  return {
    id: row['id'] as string,
    name: row['name'] as string,
    kind: row['kind'] as string,
    createdNs: row['created_ns'] as bigint,
    image: row['image'] as Digest | null,
    chain: row['chain'] as Digest | null,
    record: row['record'] as string,
  };
}
