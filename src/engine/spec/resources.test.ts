import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinuxResources } from '#oci';
import type { Limits } from '../model.ts';
import { limitsToResources } from './resources.ts';

const find = (path: string) => ({ major: 8, minor: path.length });

const cases: readonly [what: string, limits: Limits, resources: LinuxResources][] = [
  ['no limits', {}, {}],
  ['no swapping, and no killing', { swappiness: 0, noOutOfMemoryKill: true }, { memory: { swappiness: 0, disableOOMKiller: true } }],
  [
    'a real-time budget',
    { realtimePeriodUs: 1_000_000, realtimeRuntimeUs: 950_000 },
    { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 950_000 } },
  ],
  [
    'block devices by what their nodes stand for; a weight of 0 gives back what there was',
    {
      ioWeight: 300,
      ioWeightDevices: [
        { path: '/dev/a', weight: 100 },
        { path: '/dev/b', weight: 0 },
      ],
      readBytes: [{ path: '/dev/a', rate: 1 }],
      writeBytes: [{ path: '/dev/a', rate: 2 }],
      readOperations: [{ path: '/dev/bb', rate: 3 }],
      writeOperations: [{ path: '/dev/bb', rate: 4 }],
    },
    {
      blockIO: {
        weight: 300,
        weightDevice: [
          { major: 8, minor: 6, weight: 100 },
          { major: 8, minor: 6, weight: 0 },
        ],
        throttleReadBpsDevice: [{ major: 8, minor: 6, rate: 1 }],
        throttleWriteBpsDevice: [{ major: 8, minor: 6, rate: 2 }],
        throttleReadIOPSDevice: [{ major: 8, minor: 7, rate: 3 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 7, rate: 4 }],
      },
    },
  ],
  [
    'zeros, which mean none',
    {
      memoryBytes: 0,
      memorySwapBytes: 0,
      memoryReservationBytes: 0,
      nanoCpus: 0,
      cpuShares: 0,
      cpuQuotaUs: 0,
      cpuPeriodUs: 0,
      cpusetCpus: '',
      cpusetMems: '',
      pids: 0,
    },
    {},
  ],
  ['memory', { memoryBytes: 64e6 }, { memory: { limit: 64e6 } }],
  ['memory and swap', { memoryBytes: 64e6, memorySwapBytes: 96e6 }, { memory: { limit: 64e6, swap: 96e6 } }],
  ['as much swap as there is', { memoryBytes: 64e6, memorySwapBytes: -1 }, { memory: { limit: 64e6, swap: -1 } }],
  ['a reservation', { memoryReservationBytes: 32e6 }, { memory: { reservation: 32e6 } }],
  ['one and a half CPUs', { nanoCpus: 1_500_000_000 }, { cpu: { quota: 150_000, period: 100_000 } }],
  ['a part of a CPU, rounded to a microsecond', { nanoCpus: 333_333_333 }, { cpu: { quota: 33_333, period: 100_000 } }],
  ['a quota of a period', { cpuQuotaUs: 5000, cpuPeriodUs: 20_000 }, { cpu: { quota: 5000, period: 20_000 } }],
  ['a quota of the usual period', { cpuQuotaUs: 5000 }, { cpu: { quota: 5000 } }],
  ['no quota any more', { cpuQuotaUs: -1 }, { cpu: { quota: -1 } }],
  ['shares', { cpuShares: 512 }, { cpu: { shares: 512 } }],
  ['CPUs and memory nodes', { cpusetCpus: '0-1', cpusetMems: '0' }, { cpu: { cpus: '0-1', mems: '0' } }],
  ['processes', { pids: 100 }, { pids: { limit: 100 } }],
  ['any number of processes', { pids: -1 }, { pids: { limit: -1 } }],
];
for (const [what, limits, resources] of cases) test(what, () => assert.deepEqual(limitsToResources(limits, find), resources));
