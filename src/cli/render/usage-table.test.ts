import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Usage } from '../values/usage.ts';
import { activityOf, formatTotals, formatUsage, sortUsage } from './usage-table.ts';

const usage = (name: string, more: Partial<Usage> = {}): Usage => ({
  id: name,
  name,
  processors: 0,
  memoryBytes: 0,
  memoryLimitBytes: 0,
  processes: 1,
  receivedBytes: 0,
  sentBytes: 0,
  readBytes: 0,
  writtenBytes: 0,
  ...more,
});

describe('what containers do per second', () => {
  test('is what their counters grew by, and nothing for one that has just come or was started again', () => {
    const now = usage('a', { receivedBytes: 3000, sentBytes: 500, writtenBytes: 100 });
    const { netBytesPerSecond, ioBytesPerSecond } = activityOf(now, usage('a', { receivedBytes: 1000, sentBytes: 500 }), 2000);
    assert.deepEqual([netBytesPerSecond, ioBytesPerSecond], [1000, 50]);
    assert.equal(activityOf(now, undefined, 1000).netBytesPerSecond, 0);
    assert.equal(activityOf(usage('a'), now, 1000).netBytesPerSecond, 0);
  });

  test('is sorted by what was asked for, the greatest first, and by name where it is equal', () => {
    const list = [
      usage('b', { processors: 0.5, memoryBytes: 1 }),
      usage('c', { processors: null, memoryBytes: 9, processes: 4 }),
      usage('a', { processors: 0.5, memoryBytes: 5, processes: 2 }),
    ].map((one) => activityOf(one, undefined, 1000));
    const names = (key: 'cpu' | 'memory' | 'pids' | 'name', reversed = false): string =>
      sortUsage(list, { key, reversed })
        .map(({ name }) => name)
        .join('');
    assert.deepEqual(
      [names('cpu'), names('memory'), names('pids'), names('name'), names('name', true)],
      ['abc', 'cab', 'cab', 'abc', 'cba'],
    );
  });

  test('is shown with its totals', () => {
    const list = [usage('box', { processors: 1.255, memoryBytes: 2 ** 20, memoryLimitBytes: 2 ** 22, processes: 3 })].map((one) =>
      activityOf(one, usage('box'), 1000),
    );
    assert.equal(formatTotals(list), '1 container   cpu 125.5%   memory 1MiB   pids 3');
    assert.match(formatUsage(list).join('\n'), /^NAME +CPU % .*\nbox +125\.5% +1MiB +25\.0% +3 +0B +0B \/ 0B +0B +0B \/ 0B$/);
    assert.match(formatUsage([]).join('\n'), /^NAME .*WRITTEN$/);
  });
});
