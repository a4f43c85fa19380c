import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ScarceLimit } from '#runtime';
import type { Limits } from '../model.ts';
import { boundSwap, planLimits } from './plan-limits.ts';

const all = (): boolean => true;
const without =
  (...lacking: ScarceLimit[]) =>
  (limit: ScarceLimit): boolean =>
    !lacking.includes(limit);

describe('limits on this host', () => {
  test('stay as they are where the kernel has all of them', () => {
    const limits: Limits = { memoryBytes: 2 ** 24, swappiness: 0, noOutOfMemoryKill: true, ioWeight: 100, realtimeRuntimeUs: 1 };
    assert.deepEqual(planLimits(limits, all), { limits, warnings: [] });
    assert.deepEqual(planLimits(undefined, all), { limits: undefined, warnings: [] });
  });

  test('go with a warning each where it does not', () => {
    const { limits, warnings } = planLimits({ swappiness: 5, ioWeight: 100, pids: 3 }, without('swappiness', 'weight'));
    assert.deepEqual(limits, { pids: 3 });
    assert.deepEqual(
      warnings.map((words) => words.replace(/^.*\. /, '')),
      ['Memory swappiness discarded.', 'Weight discarded.'],
    );
    assert.equal(planLimits({ ioWeight: 100 }, without('weight')).limits, undefined);
  });

  test('that nobody asked for are not missed', () =>
    assert.deepEqual(
      planLimits({ pids: 3 }, () => false),
      { limits: { pids: 3 }, warnings: [] },
    ));

  test('warn of processes that nothing kills in a container without a memory limit', () => {
    assert.match(planLimits({ noOutOfMemoryKill: true }, all).warnings.join(), /^OOM killer is disabled for the container/);
    assert.deepEqual(planLimits({ noOutOfMemoryKill: true }, without('disableOOMKiller')).warnings, [
      'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
    ]);
  });

  test('for real time are refused where there is no such scheduler', () =>
    assert.throws(() => planLimits({ realtimePeriodUs: 1000 }, without('realtimeRuntime')), {
      kind: 'invalid-argument',
      message: 'Your kernel does not support CPU real-time scheduler',
    }));

  test('of memory bound swap as well, unless that is bounded otherwise or cannot be', () => {
    assert.deepEqual(boundSwap({ pids: 3 }, all), { limits: { pids: 3 }, warnings: [] });
    assert.deepEqual(boundSwap({ memoryBytes: 100 }, all).limits, { memoryBytes: 100, memorySwapBytes: 200 });
    assert.deepEqual(boundSwap({ memoryBytes: 100, memorySwapBytes: -1 }, all).limits, { memoryBytes: 100, memorySwapBytes: -1 });
    const lacking = boundSwap({ memoryBytes: 100, memorySwapBytes: 150 }, without('swap'));
    assert.deepEqual(lacking.limits, { memoryBytes: 100 });
    assert.match(lacking.warnings.join(), /Memory limited without swap\.$/);
  });
});
