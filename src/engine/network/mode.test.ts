import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OrlopError } from '#errors';
import type { NetworkRecord } from '#network';
import { requestWith } from '../fixtures/records.ts';
import type { CreateRequest } from '../model.ts';
import { knownPlaces, planNetworks } from './mode.ts';

const records = [
  { name: 'bridge', driver: 'bridge', isBuiltIn: true, internal: false },
  { name: 'host', driver: 'host', isBuiltIn: true, internal: false },
  { name: 'none', driver: 'none', isBuiltIn: true, internal: false },
  { name: 'mine', driver: 'bridge', isBuiltIn: false, internal: false },
  { name: 'inside', driver: 'bridge', isBuiltIn: false, internal: true },
].map((record) => ({ ...record, id: `id-${record.name}` }) as NetworkRecord);

function find(ref: string): NetworkRecord {
  const found = records.find(({ name, id }) => ref === name || ref === id);
  if (found === undefined) throw new OrlopError('not-found', 'NETWORK_NOT_FOUND', `network ${ref} not found`, { hint: 'make it' });
  return found;
}

const known = knownPlaces({ find }, (ref) => {
  if (ref === 'web') return 'c0ffee';
  throw new OrlopError('not-found', 'ENGINE_CONTAINER_NOT_FOUND', `No such container: ${ref}`);
});
const plan = (change: Partial<CreateRequest>) => planNetworks(requestWith(change), known);

describe('the places of a container', () => {
  const cases: readonly [what: string, request: Partial<CreateRequest>, mode: string, places: readonly string[]][] = [
    ['usual', {}, 'bridge', ['bridge']],
    ['default', { network: 'default' }, 'bridge', ['bridge']],
    ['none', { network: 'none' }, 'none', ['none']],
    ['a network by its id', { network: 'id-mine' }, 'mine', ['mine']],
    ['another container', { network: 'container:web' }, 'container:c0ffee', []],
    ['several, the mode first', { network: 'mine', endpoints: { inside: {}, mine: {} } }, 'mine', ['mine', 'inside']],
    ['those that are named and no other, without a mode', { endpoints: { mine: {}, inside: {} } }, 'bridge', ['mine', 'inside']],
    ['the usual one where it is named as well', { endpoints: { mine: {}, bridge: {} } }, 'bridge', ['bridge', 'mine']],
    ['that of the mode, which is the user’s, and others', { network: 'mine', endpoints: { inside: {} } }, 'mine', ['mine', 'inside']],
    ['one network by two names', { network: 'mine', endpoints: { 'id-mine': { priority: 1 } } }, 'mine', ['mine']],
  ];
  for (const [what, request, mode, places] of cases) {
    test(what, () => {
      const planned = plan(request);
      assert.deepEqual([planned.mode, planned.places.map(({ network }) => network)], [mode, places]);
    });
  }

  test('carry what is asked of each, and the hardware address of the container to the first', () => {
    const request = { network: 'mine', mac: '02:00:00:00:00:01', endpoints: { mine: { address: '10.0.0.9' }, bridge: { priority: 3 } } };
    assert.deepEqual(plan(request).places, [
      { network: 'mine', wishes: { address: '10.0.0.9', mac: '02:00:00:00:00:01' } },
      { network: 'bridge', wishes: { priority: 3 } },
    ]);
  });
});

describe('what cannot be combined is refused in Docker’s words', () => {
  const joined = { network: 'container:web' };
  const ports = [{ containerPort: 80, protocol: 'tcp' }] as const;
  const cases: readonly [request: Partial<CreateRequest>, message: RegExp][] = [
    [{ ...joined, hostname: 'x' }, /^conflicting options: hostname and the network mode$/],
    [{ ...joined, links: ['db:db'] }, /^conflicting options: container type network can't be used with links/],
    [{ ...joined, dns: ['1.1.1.1'] }, /^conflicting options: dns and the network mode$/],
    [{ ...joined, extraHosts: ['a:1.1.1.1'] }, /^conflicting options: custom host-to-IP mapping and the network mode$/],
    [{ ...joined, mac: '02:00:00:00:00:01' }, /^conflicting options: mac-address and the network mode$/],
    [
      { ...joined, endpoints: { 'container:web': { mac: '02:00:00:00:00:01' } } },
      /^conflicting options: mac-address and the network mode$/,
    ],
    [{ ...joined, name: 'web' }, /^cannot join own network$/],
    [{ ...joined, ports }, /^conflicting options: port publishing and the container type network mode$/],
    [{ ...joined, publishAll: true }, /^conflicting options: port publishing and the container type network mode$/],
    [{ ...joined, exposedPorts: ['80/tcp'] }, /^conflicting options: port exposing and the container type network mode$/],
    [{ ...joined, endpoints: { mine: {} } }, /^conflicting options: cannot attach both user-defined and non-user-defined network-modes$/],
    [{ ...joined, kind: 'system' }, /^a system container has a network of its own$/],
    [{ network: 'host', endpoints: { host: { mac: '02:00:00:00:00:01' } } }, /^conflicting options: mac-address and the network mode$/],
    [{ network: 'container' }, /invalid container format container:<name\|id>$/],
    [{ network: 'container:' }, /invalid container format container:<name\|id>$/],
    [{ network: 'host', endpoints: { mine: {} } }, /^conflicting options: cannot attach both/],
    [{ network: 'mine', endpoints: { none: {} } }, /^conflicting options: cannot attach both/],
    [{ network: 'none', endpoints: { host: {} } }, /^conflicting options: cannot attach both/],
    [{ endpoints: { bridge: { address: '172.17.0.9' } } }, /^user specified IP address is supported on user defined networks only$/],
    [{ endpoints: { bridge: { aliases: ['a'] } } }, /^network-scoped alias is supported only for containers in user defined networks$/],
    [
      { network: 'mine', mac: '02:00:00:00:00:01', endpoints: { mine: { mac: '02:00:00:00:00:02' } } },
      /container-wide MAC address must match/,
    ],
  ];
  for (const [request, message] of cases)
    test(JSON.stringify(request), () => assert.throws(() => plan(request), { kind: 'invalid-argument', message }));
});

test('networks that may come later are waited for, where they may', () => {
  const awaiting = knownPlaces({ find }, () => 'c0ffee', { mayCome: true });
  const brief = (change: Partial<CreateRequest>) => {
    const { mode, places, awaited } = planNetworks(requestWith(change), awaiting);
    return [mode, places.map(({ network }) => network), awaited];
  };
  const wishes = { aliases: ['x'] };
  assert.deepEqual(brief({ network: 'later' }), ['later', [], [{ network: 'later', wishes: {} }]]);
  assert.deepEqual(brief({ network: 'later', mac: '02:00:00:00:00:01' })[2], [{ network: 'later', wishes: { mac: '02:00:00:00:00:01' } }]);
  assert.deepEqual(brief({ endpoints: { later: wishes, mine: {} } }), ['bridge', ['mine'], [{ network: 'later', wishes }]]);
  assert.throws(() => brief({ network: 'host', endpoints: { later: {} } }), { message: /conflicting options/ });
});

test('what is missing is no missing image', () => {
  assert.throws(() => plan({ network: 'nowhere' }), { kind: 'failed-precondition', message: 'network nowhere not found', hint: 'make it' });
  assert.throws(() => plan({ network: 'container:nobody' }), { kind: 'failed-precondition', message: 'No such container: nobody' });
});

describe('ports that nothing can lead to are said to be discarded', () => {
  const cases: readonly [network: string, warning: RegExp | null][] = [
    ['bridge', null],
    ['host', /^Published ports are discarded when using host network mode$/],
    ['none', /^Published ports are discarded when using none network mode$/],
    ['inside', /in no bridge network that leads out/],
  ];
  for (const [network, warning] of cases) {
    test(network, () => {
      const [said = null, ...more] = plan({ network, publishAll: true }).warnings;
      assert.deepEqual([said === null, more], [warning === null, []]);
      if (warning !== null) assert.match(said ?? '', warning);
    });
  }
});
