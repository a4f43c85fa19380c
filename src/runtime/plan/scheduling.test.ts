import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { clampRlimits } from './limits.ts';
import { parseCpuList, planAffinity, formatInitialAffinity, planInitialAffinity, planIoPriority, planScheduler } from './scheduling.ts';

test('lists of processors become bit sets', () => {
  assert.deepEqual([...parseCpuList('0-3,7', 'at')], [0x8f, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...parseCpuList('64', 'at')].slice(7), [0, 1, 0, 0, 0, 0, 0, 0, 0]);
});

test('whatever is given as a list of processors is a bit set or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9,-]{0,20}$/)), (text) => {
      try {
        assert.ok(parseCpuList(text, 'at').some((byte) => byte !== 0));
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
      }
    }),
  );
});

test('scheduling is planned with the numbers of the kernel', () => {
  assert.deepEqual(planScheduler({ policy: 'SCHED_RR', priority: 4, flags: ['SCHED_FLAG_RESET_ON_FORK'] }, 'at'), [
    { op: 'set_scheduler', policy: 2, flags: 1, nice: 0, priority: 4, runtime: 0, deadline: 0, period: 0 },
  ]);
  assert.deepEqual(planIoPriority({ class: 'IOPRIO_CLASS_IDLE' }, 'at'), [{ op: 'set_io_priority', value: 3 << 13 }]);
});

test('what no policy can mean is refused', () => {
  for (const [scheduler, message] of [
    [{ policy: 'SCHED_BATCH', nice: 30 }, /at\.nice 30 is not between -20 and 19/],
    [{ policy: 'SCHED_OTHER', priority: 5 }, /at\.priority is for SCHED_FIFO and SCHED_RR alone/],
    [{ policy: 'SCHED_OTHER', runtime: 5 }, /at\.runtime and deadline and period are for SCHED_DEADLINE alone/],
  ] as const)
    assert.throws(() => planScheduler(scheduler, 'at'), message);
});

test('a process of exec may begin on other processors than it goes on with', () => {
  const affinity = { initial: '0', final: '1,3' };
  assert.deepEqual(planInitialAffinity(affinity, 'at'), [{ op: 'start_on', mask: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) }]);
  assert.deepEqual(planAffinity(affinity, 'at'), [{ op: 'set_affinity', mask: Uint8Array.of(10, 0, 0, 0, 0, 0, 0, 0) }]);
  assert.deepEqual([...planInitialAffinity({ final: '1' }, 'at'), ...planAffinity({ initial: '1' }, 'at')], []);
  const [reset] = planAffinity(undefined, 'at');
  assert.ok(reset?.op === 'set_affinity' && reset.mask.length === 1024 && reset.mask.every((byte) => byte === 255));
  assert.equal(formatInitialAffinity({ initial: '0,9' }, 'at'), '0x201');
  assert.throws(() => planInitialAffinity({ initial: '3-1' }, 'at'), /at\.initial "3-1" is no list of processors/);
});

test('default limits are lowered to what may be set, others left alone', () => {
  const limits = [
    { type: 'RLIMIT_NOFILE', soft: 1024, hard: 1_048_576 },
    { type: 'RLIMIT_CORE', soft: 5, hard: 5 },
  ];
  assert.deepEqual(clampRlimits(limits, { RLIMIT_NOFILE: 20_000n }), [{ type: 'RLIMIT_NOFILE', soft: 1024n, hard: 20_000n }, limits[1]]);
});
