import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CgroupStats } from '#runtime';
import { planLimitUses } from './limits-in-use.ts';

const stats = (memory: Partial<CgroupStats['memory']>): CgroupStats => ({
  cpu: { usageUs: 0, userUs: 0, systemUs: 0, periods: 10, throttledPeriods: 4, throttledUs: 2_500_000, bursts: 0, burstUs: 0 },
  memory: {
    usageBytes: 50,
    maxUsageBytes: 90,
    limitBytes: 100,
    cacheBytes: 0,
    swapBytes: 5,
    swapLimitBytes: null,
    failures: 7,
    outOfMemoryKills: 0,
    events: {},
    detail: {},
    ...memory,
  },
  pids: { current: 3, limit: 10 },
  io: [],
  hugetlb: [],
  rdma: [],
  pressure: { cpu: null, memory: null, io: null },
});
const counters = { pidsPeak: 9, pidsHits: 2, swapHits: 1 };
const use = (name: string, ...args: Parameters<typeof planLimitUses>) => planLimitUses(...args).find((one) => one.name === name);

test('each limit is told with what is used, the most that was, and how often it was met', () => {
  assert.deepEqual(use('limits.memory', stats({ outOfMemoryKills: 2 }), counters, 1.5), {
    name: 'limits.memory',
    unit: 'bytes',
    current: 50,
    peak: 90,
    limit: 100,
    hits: 7,
    note: '2 processes killed for want of memory',
  });
  assert.deepEqual(use('limits.pids', stats({}), counters, null), {
    name: 'limits.pids',
    unit: 'count',
    current: 3,
    peak: 9,
    limit: 10,
    hits: 2,
    note: '',
  });
  const cpu = use('limits.cpu', stats({}), counters, 1.5);
  assert.deepEqual([cpu?.limit, cpu?.hits, cpu?.note], [1.5, 4, 'throttled in 4 of 10 periods, 2.5 s in all']);
});

test('swap is what is allowed beside memory, which v1 counts together and v2 alone', () => {
  assert.equal(use('limits.memory.swap', stats({ swapLimitBytes: 160 }), counters, null)?.limit, 60);
  assert.equal(use('limits.memory.swap', stats({ swapLimitBytes: 160, events: { max: 7 } }), counters, null)?.limit, 160);
  assert.equal(use('limits.memory.swap', stats({}), counters, null)?.limit, null);
});
