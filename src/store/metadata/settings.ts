import type { Database } from './database.ts';
import type { Settings } from './types.ts';

export function createSettings(db: Database): Settings {
  const get = db.prepare('SELECT value FROM settings WHERE key = ?');
  const set = db.prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value');
  const remove = db.prepare('DELETE FROM settings WHERE key = ?');
  return {
    get: (key) => (get.get(key)?.['value'] as string | undefined) ?? null,
    set(key, value) {
      set.run(key, value);
    },
    delete: (key) => remove.run(key) > 0,
  };
}
