import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinuxResources } from '#oci';
import { weightOfShares } from '../cgroups/cpu.ts';
import { planAnnotatedProperties } from './annotations.ts';
import { parseDeviceGroups } from './devices.ts';
import { planLimits, planScope, type UnitFacts } from './properties.ts';
import type { UnitProperty } from './property.ts';

const groups = parseDeviceGroups('Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:\n  8 sd\n259 blkext\n');
const v2: UnitFacts = {
  cgroups: 'v2',
  version: 252,
  devices: { groupOf: (type, major) => groups.get(`${type} ${major}`), isThere: (path) => /\/(1|5|10):/.test(path) },
};
const v1: UnitFacts = { ...v2, cgroups: 'v1' };
const infinity = 2n ** 64n - 1n;

const table = (properties: readonly UnitProperty[]): Record<string, unknown> =>
  Object.fromEntries(properties.map(({ name, value }) => [name, value.value]));
const limits = (resources: LinuxResources, facts = v2): Record<string, unknown> => table(planLimits(resources, facts));

test('a scope is delegated to us and depends on nothing', () => {
  const scope = table(planScope({ id: 'web', slice: 'a.slice', pid: 77, cgroups: 'v2' }));
  assert.equal(scope['Description'], 'Orlop container web');
  assert.deepEqual([scope['Slice'], scope['Delegate'], scope['PIDs'], scope['DefaultDependencies']], ['a.slice', true, [77], false]);
  assert.ok('IOAccounting' in scope);
  assert.ok('BlockIOAccounting' in table(planScope({ id: 'web', slice: 'a.slice', pid: 77, cgroups: 'v1' })));
});

test('limits become properties of cgroup v2', () => {
  const resources: LinuxResources = {
    memory: { limit: 100, swap: 300, reservation: 50 },
    cpu: { shares: 1024, quota: 50_000, period: 100_000, cpus: '0-1', mems: '0' },
    pids: { limit: 9 },
    blockIO: { weight: 100 },
  };
  assert.deepEqual(limits(resources), {
    MemoryMax: 100n,
    MemoryLow: 50n,
    MemorySwapMax: 200n,
    CPUWeight: BigInt(weightOfShares(1024)),
    CPUQuotaPeriodUSec: 100_000n,
    CPUQuotaPerSecUSec: 500_000n,
    AllowedCPUs: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0),
    AllowedMemoryNodes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    TasksMax: 9n,
  });
  assert.deepEqual(limits(resources, v1), {
    MemoryLimit: 100n,
    CPUShares: 1024n,
    CPUQuotaPeriodUSec: 100_000n,
    CPUQuotaPerSecUSec: 500_000n,
    AllowedCPUs: Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0),
    AllowedMemoryNodes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    BlockIOWeight: 100n,
    TasksMax: 9n,
  });
});

test('no limit is infinity, zero is not said', () => {
  assert.deepEqual(limits({ memory: { limit: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } }), {
    MemoryMax: infinity,
    MemorySwapMax: infinity,
    CPUQuotaPerSecUSec: infinity,
    TasksMax: infinity,
  });
  assert.deepEqual(limits({ memory: { limit: 0, swap: 0 }, cpu: { shares: 0, quota: 0, period: 0 }, pids: { limit: 0 } }), {});
  assert.deepEqual(limits({ memory: { limit: 5, swap: 5 } }), { MemoryMax: 5n, MemorySwapMax: 0n });
});

test('a quota is rounded up to whole hundredths of a processor', () => {
  const quota = (cpu: LinuxResources['cpu']): unknown => limits(cpu === undefined ? {} : { cpu })['CPUQuotaPerSecUSec'];
  assert.equal(quota({ quota: 12_345, period: 100_000 }), 130_000n);
  assert.equal(quota({ quota: 10_000 }), 100_000n);
  assert.equal(quota({ period: 50_000 }), infinity);
});

test('what an older systemd does not know is left to the cgroup', () => {
  const cpu = { quota: 1000, period: 10_000, cpus: '0', idle: 1 };
  assert.deepEqual(Object.keys(limits({ cpu }, { ...v2, version: 241 })), ['CPUQuotaPerSecUSec']);
  assert.deepEqual(limits({ cpu: { idle: 1 } }), { CPUWeight: 0n });
});

test('files of unified become properties where there is one', () => {
  const unified = {
    'memory.max': 'max',
    'memory.high': '12',
    'cpu.max': '50000 100000',
    'cpu.weight': '7',
    'cpuset.cpus': '1',
    'pids.max': 'nonsense',
    'io.max': '8:0 rbps=1',
  };
  assert.deepEqual(limits({ unified }), {
    MemoryMax: infinity,
    MemoryHigh: 12n,
    CPUQuotaPeriodUSec: 100_000n,
    CPUQuotaPerSecUSec: 500_000n,
    CPUWeight: 7n,
    AllowedCPUs: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0),
  });
  assert.deepEqual(limits({ unified }, v1), {});
});

test('device rules become a list that permits at least as much', () => {
  const deny = { allow: false, access: 'rwm' };
  const properties = limits({
    devices: [deny, { allow: true, type: 'c', major: 10, minor: 200, access: 'rw' }, { allow: true, type: 'b', major: 8 }],
  });
  assert.equal(properties['DevicePolicy'], 'strict');
  const allowed = (properties['DeviceAllow'] as string[][]).map((entry) => entry.join(' '));
  for (const line of ['/dev/char/10:200 rw', 'block-sd rwm', 'char-* m', 'block-* m', '/dev/char/1:3 rwm', 'char-pts rwm'])
    assert.ok(allowed.includes(line), line);
  assert.equal(new Set(allowed).size, allowed.length);
  assert.deepEqual(limits({ devices: [deny, { allow: true }] }), { DevicePolicy: 'auto', DeviceAllow: [] });
  assert.deepEqual(limits({ devices: [] }), {});
});

test('annotations are properties, seconds become microseconds', () => {
  const plan = (annotations: Record<string, string>) => planAnnotatedProperties(annotations);
  assert.deepEqual(
    plan({
      'org.systemd.property.TimeoutStopUSec': 'uint64 5000000',
      'org.systemd.property.TimeoutStopSec': '1.5',
      'org.systemd.property.CollectMode': "'inactive-or-failed'",
      other: 'x',
    }),
    [
      { name: 'TimeoutStopUSec', value: { signature: 't', value: 5_000_000n } },
      { name: 'TimeoutStopUSec', value: { signature: 't', value: 1_500_000n } },
      { name: 'CollectMode', value: { signature: 's', value: 'inactive-or-failed' } },
    ],
  );
  for (const [key, value] of [
    ['A', '1'],
    ['With.Dots', '1'],
    ['Name', 'nonsense'],
    ['StopSec', "'five'"],
    ['StopSec', '-1'],
  ])
    assert.throws(() => plan({ [`org.systemd.property.${key}`]: value ?? '' }), /annotations?(\["| )org\.systemd\.property\./, key);
});
