import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { VolumeView } from '#wire';
import { filterVolumes } from './filter.ts';

const volumes: readonly VolumeView[] = ['data', 'data2', 'cache'].map((name) => ({
  name,
  driver: 'local',
  labels: name === 'cache' ? { tier: 'fast', own: '' } : { tier: 'slow' },
  options: {},
  createdAtMs: 0,
  isAnonymous: false,
  path: `/${name}`,
}));

describe('filters of volumes', () => {
  const tables: readonly [Record<string, string[]>, string[]][] = [
    [{}, ['data', 'data2', 'cache']],
    [{ name: ['^data$'] }, ['data']],
    [{ name: ['cache', '2'] }, ['data2', 'cache']],
    [{ driver: ['local'] }, ['data', 'data2', 'cache']],
    [{ driver: ['nfs'] }, []],
    [{ label: ['tier=slow'] }, ['data', 'data2']],
    [{ label: ['tier', 'own'] }, ['cache']],
    [{ dangling: ['true'] }, ['data2', 'cache']],
    [{ dangling: ['0'], label: ['tier=slow'] }, ['data']],
  ];
  for (const [filters, names] of tables) {
    test(JSON.stringify(filters), () =>
      assert.deepEqual(
        filterVolumes(volumes, filters, (name) => name === 'data').map(({ name }) => name),
        names,
      ),
    );
  }
  for (const filters of [{ colour: ['x'] }, { dangling: ['maybe'] }, { name: ['('] }]) {
    test(`${JSON.stringify(filters)} is refused`, () =>
      assert.throws(() => filterVolumes(volumes, filters, () => false), { kind: 'invalid-argument', message: /invalid filter '/ }));
  }
});
