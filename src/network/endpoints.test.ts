import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { createEndpointTable } from './endpoint-table.ts';
import { planEndpoint } from './endpoints.ts';
import { bridgeLink, buriedGroup, buriedLink, checkPrefix, isHostLink, networkId, newHostLink } from './naming.ts';
import { builtInNetworks } from './records.ts';
import type { Endpoint, EndpointWishes, NetworkRecord } from './types.ts';
import { checkSameWishes, parseWishes, wishesIn } from './wishes.ts';

const [bridge, , none] = builtInNetworks('orl') as [NetworkRecord, NetworkRecord, NetworkRecord];
const network: NetworkRecord = { ...bridge, pools: [{ subnet: '10.5.0.0/24', gateway: '10.5.0.1' }] };
const state = { saveEndpoint: () => {}, removeEndpoint: () => {} };
const plan = (containerId: string, wanted: EndpointWishes = {}, endpoints: readonly Endpoint[] = [], place = network): Endpoint => {
  const table = createEndpointTable(state, endpoints);
  return planEndpoint({ prefix: 'orl', containerId, network: place, table, bridge: 'orlbr0', wanted });
};
const prefix = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);

test('wishes that cannot be are refused', () => {
  for (const wanted of [
    { address: '10.5.0' },
    { address: 'fd00::1' },
    { linkLocal: ['10.0.0.1'] },
    { mac: 'x' },
    { mac: '01:00:00:00:00:01' },
  ]) {
    assert.throws(
      () => parseWishes(wanted),
      (error) => isOrlopError(error, 'invalid-argument'),
      JSON.stringify(wanted),
    );
  }
});

test('endpoints of one network never share an address or a link', () => {
  const endpoints: Endpoint[] = [];
  for (let index = 0; index < 50; index += 1) endpoints.push(plan(`c${index}`, {}, endpoints));
  const of = (key: 'address' | 'hostLink' | 'mac' | 'id'): number => new Set(endpoints.map((one) => one[key])).size;
  assert.deepEqual([of('address'), of('hostLink'), of('mac'), of('id')], [50, 50, 50, 50]);
});

test('a container that is to be without IPv6 has no such address in a network with IPv6, unless it wished for one', () => {
  const both: NetworkRecord = { ...network, ipv6: true, pools: [...network.pools, { subnet: 'fd00:5::/64', gateway: 'fd00:5::1' }] };
  assert.equal(plan('c', {}, [], both).address6, 'fd00:5::2');
  assert.equal(plan('c', { ipv6: false }, [], both).address6, undefined);
  assert.equal(plan('c', { ipv6: false, address6: 'fd00:5::9' }, [], both).address6, 'fd00:5::9');
});

test('another network has its own addresses', () => {
  const first = plan('c');
  const second = plan('c', {}, [first], { ...network, id: 'other', name: 'other' });
  assert.equal(second.address, first.address);
});

test('an address in a subnet of a family that is not enabled is a wish that gets nothing', () => {
  const half: NetworkRecord = { ...network, unusedPools: [{ subnet: 'fd05::/64' }] };
  const endpoint = plan('c', { address6: 'fd05::5' }, [], half);
  assert.deepEqual([endpoint.address, endpoint.address6, endpoint.wishes], ['10.5.0.2', undefined, { address6: 'fd05::5' }]);
  checkSameWishes(endpoint, wishesIn(half, parseWishes({ address6: 'fd05::5' })));
  assert.throws(
    () => plan('c', { address6: 'fd06::5' }, [], half),
    (error) => isOrlopError(error, 'invalid-argument'),
  );
});

test('asking again with the same wishes or none is the same, with others a conflict', () => {
  const endpoint = plan('c', { address: '10.5.0.9', mac: '02:00:00:00:00:AA' });
  for (const wanted of [{}, { address: '10.5.0.9' }, { mac: '02:00:00:00:00:aa' }]) checkSameWishes(endpoint, parseWishes(wanted));
  for (const wanted of [{ address: '10.5.0.8' }, { mac: '02:00:00:00:00:bb' }]) {
    assert.throws(
      () => checkSameWishes(endpoint, parseWishes(wanted)),
      (error) => isOrlopError(error, 'conflict'),
    );
  }
  const plain = plan('c', {}, [], none);
  assert.throws(
    () => checkSameWishes(plain, parseWishes({ mac: '02:00:00:00:00:bb' })),
    (error) => isOrlopError(error, 'conflict'),
  );
});

test('every name of a link fits into 15 bytes and is known as its engine made it', () => {
  fc.assert(
    fc.property(prefix, fc.nat(), (name, index) => {
      checkPrefix(name);
      const links = [newHostLink(name, new Set()), buriedLink(name, index), bridgeLink(name)];
      assert.ok(
        links.every((link) => link.length <= 15),
        links.join(),
      );
      assert.deepEqual(
        links.map((link) => isHostLink(name, link)),
        [true, true, false],
      );
      assert.notEqual(buriedGroup(name), 0);
    }),
  );
  for (const bad of ['', 'a'.repeat(10), 'Orl', '1orl', 'orl-', 'orl/x', 'orl x'])
    assert.throws(
      () => checkPrefix(bad),
      (error) => isOrlopError(error, 'invalid-argument'),
    );
});

test('the id of a network depends on the engine and the name only', () => {
  assert.equal(networkId('a', 'bridge'), networkId('a', 'bridge'));
  assert.notEqual(networkId('a', 'bridge'), networkId('b', 'bridge'));
  assert.match(networkId('a', 'bridge'), /^[0-9a-f]{64}$/);
});
