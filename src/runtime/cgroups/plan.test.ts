import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { weightOfShares } from './cpu.ts';
import { planResources, type ResourceFacts } from './plan.ts';
import { parsePressure } from './pressure.ts';
import { parseRdma } from './rdma.ts';
import { parseIoStat, parseThrottleStat } from './stats.ts';
import type { CgroupController } from './types.ts';

function facts(
  version: 1 | 2,
  lacking: readonly CgroupController[] = [],
  memory: ResourceFacts['memory'] = { limitBytes: 0n, usageBytes: 0n },
): ResourceFacts {
  return { versionOf: (controller) => (lacking.includes(controller) ? null : version), memory, cpu: { quota: '3000', periodUs: 50_000 } };
}

const lines = (resources: LinuxResources, version: 1 | 2, memory?: ResourceFacts['memory']) =>
  planResources(resources, facts(version, [], memory)).map(({ file, value }) => `${file}=${value}`);

test('limits become the files of v1', () => {
  const cases: [LinuxResources, string[]][] = [
    [{ pids: { limit: 10 } }, ['pids.max=10']],
    [{ pids: { limit: -1 } }, ['pids.max=max']],
    [{ pids: { limit: 0 } }, []],
    [
      { memory: { limit: 64, swap: 128, reservation: 32 } },
      ['memory.memsw.limit_in_bytes=128', 'memory.limit_in_bytes=64', 'memory.soft_limit_in_bytes=32'],
    ],
    [{ memory: { limit: -1 } }, ['memory.memsw.limit_in_bytes=-1', 'memory.limit_in_bytes=-1']],
    [{ memory: { swappiness: 60, disableOOMKiller: true } }, ['memory.swappiness=60', 'memory.oom_control=1']],
    [
      { cpu: { shares: 512, period: 100000, quota: -1, cpus: '0-1', mems: '0' } },
      ['cpuset.cpus=0-1', 'cpuset.mems=0', 'cpu.shares=512', 'cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=-1'],
    ],
    [{ cpu: { period: 10_000, quota: 3000 } }, ['cpu.cfs_quota_us=3000', 'cpu.cfs_period_us=10000']],
    [
      { blockIO: { weight: 100, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1e6 }] } },
      ['blkio.weight=100', 'blkio.throttle.read_bps_device=8:0 1000000'],
    ],
    [{ hugepageLimits: [{ pageSize: '2MB', limit: 4096 }] }, ['hugetlb.2MB.limit_in_bytes=4096', 'hugetlb.2MB.rsvd.limit_in_bytes=4096']],
    [{ network: { classID: 7, priorities: [{ name: 'eth0', priority: 3 }] } }, ['net_cls.classid=7', 'net_prio.ifpriomap=eth0 3']],
    [{ rdma: { mlx5_1: { hcaHandles: 3 } } }, ['rdma.max=mlx5_1 hca_handle=3 hca_object=max']],
  ];
  for (const [resources, expected] of cases) assert.deepEqual(lines(resources, 1), expected, JSON.stringify(resources));
});

test('limits become the files of v2', () => {
  const cases: [LinuxResources, string[]][] = [
    [{ memory: { limit: 64, swap: 128, reservation: 32 } }, ['memory.swap.max=64', 'memory.max=64', 'memory.low=32']],
    [{ memory: { limit: -1 } }, ['memory.swap.max=max', 'memory.max=max']],
    [{ memory: { limit: 64, swap: -1 } }, ['memory.swap.max=max', 'memory.max=64']],
    [{ memory: { swap: 128 } }, ['memory.swap.max=28']],
    [{ cpu: { shares: 1024, quota: 50000 } }, ['cpu.weight=39', 'cpu.max=50000']],
    [{ cpu: { quota: -1, period: 20000, idle: 1 } }, ['cpu.idle=1', 'cpu.max=max 20000']],
    [{ cpu: { period: 20000 } }, ['cpu.max=3000 20000']],
    [{ cpu: { quota: 500, burst: 20 } }, ['cpu.max.burst=0', 'cpu.max=500', 'cpu.max.burst=20']],
    [{ cpu: { quota: 500, burst: 0 } }, ['cpu.max.burst=0', 'cpu.max=500']],
    [{ cpu: { shares: 2, idle: 1 } }, ['cpu.weight=1', 'cpu.idle=1']],
    [{ cpu: { shares: 2, idle: 0 } }, ['cpu.idle=0', 'cpu.weight=1']],
    [{ cpu: { cpus: '0', mems: '0' } }, ['cpuset.cpus=0', 'cpuset.mems=0']],
    [{ pids: { limit: 7 }, rdma: { mlx5_1: { hcaObjects: 3 } } }, ['pids.max=7', 'rdma.max=mlx5_1 hca_handle=max hca_object=3']],
    [{ blockIO: { weight: 500, weightDevice: [{ major: 8, minor: 0, weight: 10 }] } }, ['io.bfq.weight=500', 'io.bfq.weight=8:0 10']],
    [{ blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 0 }] } }, ['io.bfq.weight=8:0 default']],
    [{ blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 0 }] } }, ['io.max=8:0 rbps=max']],
    [{ blockIO: { throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 5 }] } }, ['io.max=8:16 wiops=5']],
    [{ hugepageLimits: [{ pageSize: '1GB', limit: 0 }] }, ['hugetlb.1GB.max=0', 'hugetlb.1GB.rsvd.max=0']],
    [{ devices: [{ allow: false, type: 'a' }] }, []],
  ];
  for (const [resources, expected] of cases)
    assert.deepEqual(lines(resources, 2, { limitBytes: 100n, usageBytes: 0n }), expected, JSON.stringify(resources));
});

test('v1 memory limits are written so that the limit never passes the one with swap', () => {
  const resources: LinuxResources = { memory: { limit: 64, swap: 128 } };
  assert.deepEqual(lines(resources, 1, { limitBytes: 512n, usageBytes: 0n }), [
    'memory.limit_in_bytes=64',
    'memory.memsw.limit_in_bytes=128',
  ]);
  assert.deepEqual(lines(resources, 1, { limitBytes: 32n, usageBytes: 0n }), [
    'memory.memsw.limit_in_bytes=128',
    'memory.limit_in_bytes=64',
  ]);
});

test('what the host or its version cannot do is refused with its JSON path', () => {
  const refused: [LinuxResources, 1 | 2, CgroupController[], RegExp][] = [
    [{ pids: { limit: 5 } }, 1, ['pids'], /linux\.resources\.pids\.limit cannot be applied: this host has no pids controller/],
    [{ memory: { kernel: 5 } }, 2, [], /linux\.resources\.memory\.kernel/],
    [{ memory: { swappiness: 5 } }, 2, [], /linux\.resources\.memory\.swappiness/],
    [{ memory: { disableOOMKiller: true } }, 2, [], /linux\.resources\.memory\.disableOOMKiller/],
    [{ memory: { limit: 10, swap: 5 } }, 1, [], /swap 5 is below/],
    [{ memory: { swappiness: 101 } }, 1, [], /swappiness 101/],
    [{ cpu: { realtimeRuntime: 5 } }, 2, [], /linux\.resources\.cpu\.realtimeRuntime/],
    [{ network: { classID: 5 } }, 2, [], /linux\.resources\.network\.classID/],
    [{ devices: [] }, 1, ['devices'], /linux\.resources\.devices cannot be applied: this host has no devices controller/],
    [{ devices: [{ allow: false, type: 'a', access: 'r' }] }, 1, [], /cannot be narrowed/],
    [{ cpu: { shares: 1 } }, 1, [], /^the minimum allowed cpu-shares is 2$/],
    [{ cpu: { shares: 262_145 } }, 1, [], /^the maximum allowed cpu-shares is 262144$/],
    [{ hugepageLimits: [{ pageSize: '../x', limit: 1 }] }, 1, [], /hugepageLimits\[0\]\.pageSize/],
  ];
  for (const [resources, version, lacking, message] of refused) {
    assert.throws(
      () => planResources(resources, facts(version, lacking)),
      (error) => isOrlopError(error) && message.test(error.message),
      String(message),
    );
  }
  const memory = { limitBytes: 100n, usageBytes: 50n };
  assert.throws(() => lines({ memory: { swap: 5 } }, 2, { limitBytes: null, usageBytes: 0n }), /swap is set without/);
  assert.throws(() => lines({ memory: { swap: 5 } }, 2, memory), /swap 5 is below .* 100/);
  assert.throws(() => lines({ memory: { limit: 10, checkBeforeUpdate: true } }, 1, memory), /below the 50 bytes in use/);
});

test('shares become weights as runc 1.1 makes them, in order and range', () => {
  assert.deepEqual([1, 2, 512, 1024, 2048, 262_144, 300_000].map(weightOfShares), [1, 1, 20, 39, 79, 10_000, 10_000]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 0, max: 1_000_000 }), (left, right) => {
      const [small, large] = [Math.min(left, right), Math.max(left, right)].map(weightOfShares);
      assert.ok(small !== undefined && large !== undefined && small >= 1 && large <= 10_000 && small <= large);
    }),
  );
});

test('block I/O figures are read in both versions', () => {
  const expected = [{ major: 8, minor: 16, readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 }];
  assert.deepEqual(parseIoStat('8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\nbroken'), expected);
  assert.deepEqual(parseThrottleStat('8:16 Read 1\n8:16 Write 2\n8:16 Sync 3\nTotal 3', '8:16 Read 3\n8:16 Write 4'), expected);
});

test('pressure and RDMA figures are read, and what is none is passed over', () => {
  const stall = { percent10: 1.5, percent60: 0, percent300: 12.25, totalUs: 77 };
  const line = 'avg10=1.50 avg60=0.00 avg300=12.25 total=77';
  assert.deepEqual(parsePressure(`some ${line}\nfull ${line}`), { some: stall, full: stall });
  assert.deepEqual(parsePressure(`some ${line}`), { some: stall, full: null });
  for (const text of [null, '', 'full of it', `full ${line}`]) assert.equal(parsePressure(text), null);
  assert.deepEqual(parseRdma('mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=max\n'), [
    { device: 'mlx4_0', handles: 2, objects: 2000 },
  ]);
});
