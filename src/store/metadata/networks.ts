import { OrlopError } from '#errors';
import type { Database } from './database.ts';
import type { EndpointRow, Endpoints, NetworkRow, Networks } from './types.ts';

type Row = Readonly<Record<string, unknown>>;

export function createNetworks(db: Database): Networks {
  const insert = db.prepare('INSERT INTO networks (id, name, record) VALUES (?, ?, ?)');
  const update = db.prepare('UPDATE networks SET record = ? WHERE id = ?');
  const get = db.prepare('SELECT id, name, record FROM networks WHERE id = ?');
  const byName = db.prepare('SELECT id, name, record FROM networks WHERE name = ?');
  const all = db.prepare('SELECT id, name, record FROM networks ORDER BY name');
  const remove = db.prepare('DELETE FROM networks WHERE id = ?');
  return {
    insert(row) {
      db.transaction(() => {
        if (byName.get(row.name) !== null || get.get(row.id) !== null) {
          throw new OrlopError('already-exists', 'STORE_NETWORK_EXISTS', `network ${row.name} exists`);
        }
        insert.run(row.id, row.name, row.record);
      });
    },
    update(id, record) {
      if (update.run(record, id) === 0) throw new OrlopError('not-found', 'STORE_NETWORK_NOT_FOUND', `no network ${id}`);
    },
    get: (id) => toNetwork(get.get(id)),
    byName: (name) => toNetwork(byName.get(name)),
    list: () => all.all().map((row) => toNetwork(row) as NetworkRow),
    remove: (id) => remove.run(id) > 0,
  };
}

export function createEndpoints(db: Database): Endpoints {
  const columns = 'container_id, network, address, mac, record';
  const put = db.prepare(`INSERT INTO endpoints (${columns}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (container_id, network) DO UPDATE
    SET address = excluded.address, mac = excluded.mac, record = excluded.record`);
  const get = db.prepare(`SELECT ${columns} FROM endpoints WHERE container_id = ? AND network = ?`);
  const ofContainer = db.prepare(`SELECT ${columns} FROM endpoints WHERE container_id = ? ORDER BY network`);
  const ofNetwork = db.prepare(`SELECT ${columns} FROM endpoints WHERE network = ? ORDER BY container_id`);
  const all = db.prepare(`SELECT ${columns} FROM endpoints ORDER BY container_id, network`);
  const remove = db.prepare('DELETE FROM endpoints WHERE container_id = ? AND network = ?');
  return {
    put(row) {
      put.run(row.containerId, row.network, row.address, row.mac, row.record);
    },
    get(containerId, network) {
      const row = get.get(containerId, network);
      return row === null ? null : toEndpoint(row);
    },
    ofContainer: (containerId) => ofContainer.all(containerId).map(toEndpoint),
    ofNetwork: (network) => ofNetwork.all(network).map(toEndpoint),
    list: () => all.all().map(toEndpoint),
    remove: (containerId, network) => remove.run(containerId, network) > 0,
  };
}

function toNetwork(row: Row | null): NetworkRow | null {
  return row === null ? null : { id: row['id'] as string, name: row['name'] as string, record: row['record'] as string };
}

function toEndpoint(row: Row): EndpointRow {
  return {
    containerId: row['container_id'] as string,
    network: row['network'] as string,
    address: row['address'] as string | null,
    mac: row['mac'] as string | null,
    record: row['record'] as string,
  };
}
