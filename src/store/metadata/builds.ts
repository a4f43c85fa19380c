import type { Digest } from '#oci';
import type { Database } from './database.ts';
import type { BuildRow, Builds, BuildStepRow, BuildSteps } from './types.ts';

const columns = 'key, chain, blob, created_ns, used_ns, uses, record';

export function createBuildSteps(db: Database): BuildSteps {
  const put = db.prepare(`INSERT OR REPLACE INTO build_steps (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const get = db.prepare(`SELECT ${columns} FROM build_steps WHERE key = ?`);
  const touch = db.prepare('UPDATE build_steps SET used_ns = ?, uses = uses + 1 WHERE key = ?');
  const all = db.prepare(`SELECT ${columns} FROM build_steps ORDER BY created_ns, key`);
  const remove = db.prepare('DELETE FROM build_steps WHERE key = ?');
  return {
    put(row) {
      put.run(row.key, row.chain, row.blob, row.createdNs, row.usedNs, row.uses, row.record);
    },
    get(key) {
      const row = get.get(key);
      return row === null ? null : toStep(row);
    },
    touch(key, usedNs) {
      touch.run(usedNs, key);
    },
    list: () => all.all().map(toStep),
    remove(keys) {
      db.transaction(() => {
        for (const key of keys) remove.run(key);
      });
    },
  };
}

function toStep(row: Readonly<Record<string, unknown>>): BuildStepRow {
  return {
    key: row['key'] as string,
    chain: row['chain'] as Digest | null,
    blob: row['blob'] as Digest | null,
    createdNs: row['created_ns'] as bigint,
    usedNs: row['used_ns'] as bigint,
    uses: Number(row['uses']),
    record: row['record'] as string,
  };
}

export function createBuilds(db: Database): Builds {
  const put = db.prepare('INSERT OR REPLACE INTO builds (id, started_ns, record) VALUES (?, ?, ?)');
  const get = db.prepare('SELECT id, started_ns, record FROM builds WHERE id = ?');
  const all = db.prepare('SELECT id, started_ns, record FROM builds ORDER BY started_ns DESC, id');
  const remove = db.prepare('DELETE FROM builds WHERE id = ?');
  return {
    put(row) {
      put.run(row.id, row.startedNs, row.record);
    },
    get(id) {
      const row = get.get(id);
      return row === null ? null : toBuild(row);
    },
    list: () => all.all().map(toBuild),
    remove: (id) => remove.run(id) > 0,
  };
}

function toBuild(row: Readonly<Record<string, unknown>>): BuildRow {
  return { id: row['id'] as string, startedNs: row['started_ns'] as bigint, record: row['record'] as string };
}
