import type { Digest } from '#oci';
import type { Database } from './database.ts';
import type { ImageRow, Images } from './types.ts';

const columns = 'name, manifest, kind, created_ns, labels';

export function createImages(db: Database): Images {
  const put = db.prepare(`INSERT INTO images (${columns}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE
    SET manifest = excluded.manifest, kind = excluded.kind, created_ns = excluded.created_ns, labels = excluded.labels`);
  const get = db.prepare(`SELECT ${columns} FROM images WHERE name = ?`);
  const byManifest = db.prepare(`SELECT ${columns} FROM images WHERE manifest = ? ORDER BY name`);
  const all = db.prepare(`SELECT ${columns} FROM images ORDER BY name`);
  const remove = db.prepare('DELETE FROM images WHERE name = ?');
  return {
    put(row) {
      put.run(row.name, row.manifest, row.kind, row.createdNs, JSON.stringify(row.labels));
    },
    get(name) {
      const row = get.get(name);
      return row === null ? null : toRow(row);
    },
    byManifest: (manifest) => byManifest.all(manifest).map(toRow),
    list: () => all.all().map(toRow),
    remove: (name) => remove.run(name) > 0,
  };
}

function toRow(row: Readonly<Record<string, unknown>>): ImageRow {
  return {
    name: row['name'] as string,
    manifest: row['manifest'] as Digest,
    kind: row['kind'] as string,
    createdNs: row['created_ns'] as bigint,
    labels: JSON.parse(row['labels'] as string) as Record<string, string>,
  };
}
