import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHostLimits, parseCpuList } from './host-limits.ts';

const host = { cpus: new Set([0, 1, 3]), memoryNodes: new Set([0]), cpuShares: [2, 262_144] } as const;

test('lists of processors are read as the kernel writes them', () => {
  assert.deepEqual([...(parseCpuList('0-2,7') ?? [])], [0, 1, 2, 7]);
  for (const bad of ['', 'a', '1-', '-1', '2-1', '1-42,,', '99999']) assert.equal(parseCpuList(bad), null, bad);
});

test('what the host has is given', () => {
  checkHostLimits({ nanoCpus: 3e9, cpusetCpus: '0-1,3', cpusetMems: '0' }, host);
  checkHostLimits({}, host);
  checkHostLimits({ cpuShares: 2 }, host);
  checkHostLimits({ cpuShares: 1 }, { ...host, cpuShares: null });
});

const refused = [
  [{ nanoCpus: 4e9 }, 'range of CPUs is from 0.01 to 3.00, as there are only 3 CPUs available'],
  [{ cpusetCpus: '1-42,,' }, 'Invalid value 1-42,, for cpuset cpus'],
  [{ cpusetMems: '42-3,1--' }, 'Invalid value 42-3,1-- for cpuset mems'],
  [{ cpusetCpus: '0-3' }, 'Requested CPUs are not available - requested 0-3, available: 0-1,3'],
  [{ cpuShares: 1 }, 'the minimum allowed cpu-shares is 2'],
  [{ cpuShares: 99_999_999 }, 'the maximum allowed cpu-shares is 262144'],
  [{ cpusetMems: '9' }, 'Requested memory nodes are not available - requested 9, available: 0'],
] as const;
for (const [limits, message] of refused)
  test(`${JSON.stringify(limits)} is refused`, () =>
    assert.throws(() => checkHostLimits(limits, host), { kind: 'invalid-argument', message }));
