import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NetworkView } from '../model.ts';
import { filterNetworks } from './filter.ts';

const view = (name: string, change: Partial<NetworkView> = {}): NetworkView => ({
  id: `1d${name}`,
  name,
  driver: 'bridge',
  createdAtMs: 0,
  isBuiltIn: false,
  labels: {},
  options: {},
  internal: false,
  attachable: false,
  ipv4: true,
  ipv6: false,
  pools: [],
  links: [],
  members: [],
  ...change,
});

const views = [
  view('bridge', { isBuiltIn: true }),
  view('none', { isBuiltIn: true, driver: 'none' }),
  view('mine', { labels: { tier: 'front' }, members: [{ id: 'e', containerId: 'c', containerName: 'web' }] }),
  view('mine2', { driver: 'macvlan' }),
];

describe('filters of networks', () => {
  const cases: readonly [filter: string, values: readonly string[], names: readonly string[]][] = [
    ['driver', ['null', 'macvlan'], ['none', 'mine2']],
    ['id', ['1dmine'], ['mine', 'mine2']],
    ['name', ['mine'], ['mine', 'mine2']],
    ['label', ['tier=front'], ['mine']],
    ['label', ['tier', 'other'], []],
    ['scope', ['local'], ['bridge', 'none', 'mine', 'mine2']],
    ['scope', ['swarm'], []],
    ['type', ['builtin'], ['bridge', 'none']],
    ['type', ['custom'], ['mine', 'mine2']],
    ['dangling', ['true'], ['mine2']],
    ['dangling', ['0'], ['bridge', 'none', 'mine']],
  ];
  for (const [filter, values, names] of cases) {
    test(`${filter}=${values.join(' ')} shows ${names.join(' ')}`, () =>
      assert.deepEqual(
        filterNetworks(views, { [filter]: values }).map(({ name }) => name),
        names,
      ));
  }

  test('add up', () => assert.deepEqual(filterNetworks(views, { type: ['custom'], driver: ['bridge'] }), [views[2]]));

  test('that are none are refused', () => {
    for (const filters of [{ color: ['red'] }, { type: ['other'] }, { dangling: ['maybe'] }])
      assert.throws(() => filterNetworks(views, filters), { kind: 'invalid-argument' });
  });
});
