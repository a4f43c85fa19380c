import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Endpoint, NetworkRecord } from '#network';
import type { EndpointRow, Metadata, NetworkRow } from '#store';
import { createNetworkState } from './network-state.ts';

/** The two tables that the network room is kept in, in memory. */
function createTables() {
  const networks = new Map<string, NetworkRow>();
  const endpoints = new Map<string, EndpointRow>();
  const keyOf = (containerId: string, network: string): string => `${containerId} ${network}`;
  const metadata = {
    networks: {
      insert(row: NetworkRow) {
        assert.ok(!networks.has(row.id), 'inserted twice');
        networks.set(row.id, row);
      },
      update(id: string, record: string) {
        const row = networks.get(id);
        assert.ok(row !== undefined, 'updated before it was inserted');
        networks.set(id, { ...row, record });
      },
      get: (id: string) => networks.get(id) ?? null,
      list: () => [...networks.values()],
      remove: (id: string) => networks.delete(id),
    },
    endpoints: {
      put: (row: EndpointRow) => void endpoints.set(keyOf(row.containerId, row.network), row),
      list: () => [...endpoints.values()],
      remove: (containerId: string, network: string) => endpoints.delete(keyOf(containerId, network)),
    },
  };
  return { networks, endpoints, state: createNetworkState(metadata as unknown as Metadata) };
}

const network: NetworkRecord = {
  id: 'n'.repeat(64),
  name: 'front',
  driver: 'bridge',
  createdAtMs: 1_700_000_000_000,
  isBuiltIn: false,
  labels: { tier: 'web' },
  options: {},
  internal: false,
  attachable: false,
  ipv4: true,
  ipv6: false,
  pools: [],
  links: ['orl0'],
};
const endpoint: Endpoint = {
  id: 'e'.repeat(64),
  containerId: 'c'.repeat(64),
  network: 'bridge',
  networkId: 'n'.repeat(64),
  driver: 'bridge',
  bridge: 'orl0',
  hostLink: 'orl1',
  link: 'eth0',
  address: '172.17.0.2',
  prefixLength: 16,
  gateway: '172.17.0.1',
  mac: '02:4f:ac:11:00:02',
  names: ['web'],
  wishes: {},
};

describe('networks', () => {
  test('are read back as they were saved', async () => {
    const { state } = createTables();
    await state.saveNetwork(network);
    assert.deepEqual(await state.loadNetworks(), [network]);
  });

  test('are replaced by a later save', async () => {
    const { state } = createTables();
    const later = { ...network, pools: [{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }] };
    await state.saveNetwork(network);
    await state.saveNetwork(later);
    assert.deepEqual(await state.loadNetworks(), [later]);
  });

  test('are removed, once or again', async () => {
    const { state } = createTables();
    await state.saveNetwork(network);
    await state.removeNetwork(network);
    await state.removeNetwork(network);
    assert.deepEqual(await state.loadNetworks(), []);
  });
});

describe('endpoints', () => {
  test('are read back as they were saved, with their addresses where the database can see them', async () => {
    const { state, endpoints } = createTables();
    await state.saveEndpoint(endpoint);
    assert.deepEqual(await state.loadEndpoints(), [endpoint]);
    const [row] = endpoints.values();
    assert.deepEqual([row?.address, row?.mac], ['172.17.0.2', '02:4f:ac:11:00:02']);
  });

  test('without an address have none in the database', async () => {
    const { state, endpoints } = createTables();
    const { address: _, mac: __, ...plain } = endpoint;
    await state.saveEndpoint(plain);
    assert.deepEqual(await state.loadEndpoints(), [plain]);
    const [row] = endpoints.values();
    assert.deepEqual([row?.address, row?.mac], [null, null]);
  });

  test('of one container and network are one', async () => {
    const { state } = createTables();
    await state.saveEndpoint(endpoint);
    await state.saveEndpoint({ ...endpoint, address: '172.17.0.9' });
    assert.deepEqual(await state.loadEndpoints(), [{ ...endpoint, address: '172.17.0.9' }]);
  });

  test('are removed, once or again', async () => {
    const { state } = createTables();
    await state.saveEndpoint(endpoint);
    await state.removeEndpoint(endpoint.containerId, 'none');
    assert.equal((await state.loadEndpoints()).length, 1);
    await state.removeEndpoint(endpoint.containerId, 'bridge');
    await state.removeEndpoint(endpoint.containerId, 'bridge');
    assert.deepEqual(await state.loadEndpoints(), []);
  });
});
