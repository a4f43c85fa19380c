import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDefaultRoutes, isLinked, type Exit } from './inside.ts';
import { builtInNetworks, mergeNetworks, readEndpoint } from './records.ts';
import type { Endpoint, NetworkRecord } from './types.ts';

test('records of an earlier form are read: the subnet of the default bridge, endpoints without names', () => {
  const old = {
    id: 'x',
    name: 'bridge',
    driver: 'bridge',
    link: 'orlbr0',
    subnet: '172.19.0.0/16',
    gateway: '172.19.0.1',
  } as unknown as NetworkRecord;
  const networks = mergeNetworks(builtInNetworks('orl'), [old]);
  const bridge = networks.get('bridge');
  assert.deepEqual([bridge?.pools, bridge?.links], [[{ subnet: '172.19.0.0/16', gateway: '172.19.0.1' }], ['orlbr0']]);
  const stored = {
    id: 'e',
    containerId: 'c',
    network: 'bridge',
    driver: 'bridge',
    containerLink: 'eth0',
    address: '172.19.0.2',
  } as unknown as Endpoint;
  assert.deepEqual(
    readEndpoint(stored, () => 'id of the network'),
    {
      id: 'e',
      containerId: 'c',
      network: 'bridge',
      networkId: 'id of the network',
      driver: 'bridge',
      address: '172.19.0.2',
      link: 'eth0',
      names: [],
      wishes: {},
    },
  );
});

test("what was chosen for the default bridge stays, what follows from the engine's prefix does not", () => {
  const [bridge] = builtInNetworks('orl') as [NetworkRecord];
  const kept = {
    ...bridge,
    pools: [{ subnet: '172.18.0.0/16', gateway: '172.18.0.1' }],
    links: ['oldbr0', 'orln00001'],
    localSubnet: 'fd00::/48',
  };
  const mine: NetworkRecord = { ...bridge, id: 'mine', name: 'mine', isBuiltIn: false };
  const merged = mergeNetworks(builtInNetworks('orl'), [kept, mine]);
  assert.deepEqual(merged.get('bridge'), { ...kept, links: ['orlbr0', 'orln00001'] });
  assert.deepEqual(merged.get('mine'), mine);
  assert.deepEqual([...merged.keys()].toSorted(), ['bridge', 'host', 'mine', 'none']);
});

test('each family leaves by the place with the highest priority that leads out, of equal ones by the first by name', () => {
  const exit = (network: string, more: Partial<Endpoint> = {}, internal = false, isRoutedByLink = false): Exit => {
    const endpoint: Endpoint = {
      id: network,
      containerId: 'c',
      network,
      networkId: network,
      driver: 'bridge',
      link: network,
      names: [],
      wishes: {},
      ...more,
    };
    assert.ok(isLinked(endpoint));
    return { endpoint, internal, isRoutedByLink };
  };
  const four = { gateway: '10.0.0.1', address: '10.0.0.2' };
  const six = { gateway6: 'fd00::1', address6: 'fd00::2' };
  const choose = (...exits: Exit[]): (string | undefined)[] => {
    const routes = chooseDefaultRoutes(exits);
    return [routes[4]?.endpoint.network, routes[6]?.endpoint.network];
  };
  assert.deepEqual(choose(), [undefined, undefined]);
  assert.deepEqual(choose(exit('b', four), exit('a', four)), ['a', undefined]);
  assert.deepEqual(choose(exit('b', { ...four, wishes: { priority: 1 } }), exit('a', { ...four, ...six })), ['b', 'a']);
  assert.deepEqual(choose(exit('a', { ...four, ...six, wishes: { priority: 9 } }, true), exit('b', six)), [undefined, 'b']);
  assert.deepEqual(choose(exit('a', { address: '10.0.0.2' }, false, true), exit('b', { ...four, wishes: { priority: -1 } })), [
    'a',
    undefined,
  ]);
});
