import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalSetting, formatSize, parseCpuShare, formatCpuShare, parsePorts, formatPorts, parseSize, type Profile } from '#wire';
import { recordWith, requestWith } from '../fixtures/records.ts';
import { initialState, type ContainerRecord } from '../container/record.ts';
import { limitsToResources } from '../spec/resources.ts';
import type { SettingFacts } from './places.ts';
import { inForceOf, ownSettings, planChange, planSettings, viewSettings } from './plan-change.ts';
import { planLimitChange } from './plan-live.ts';

const facts: SettingFacts = {
  hostMemoryBytes: 8 * 2 ** 30,
  disk: { path: '/dev/vda' },
  imageEnv: ['PATH=/bin', 'HOME=/'],
  imageLabels: { from: 'image' },
};
const change = (record: ContainerRecord, set: Record<string, string>, more: object = {}, profiles: Profile[] = []): ContainerRecord =>
  planChange(record, { set, ...more }, profiles, facts);
const shown = (record: ContainerRecord): Record<string, string | null> =>
  Object.fromEntries(viewSettings(record, facts).settings.map(({ name, value }) => [name, value]));
const running = (more: Partial<ContainerRecord> = {}): ContainerRecord =>
  recordWith({ state: { ...initialState, status: 'running' }, run: { cgroup: 'c', idRange: null }, ...more });

describe('values', () => {
  test('sizes, shares and ports are kept in one form, and mean the same again', () => {
    const forms: [name: string, text: string, kept: string][] = [
      ['limits.memory', '2G', '2GiB'],
      ['limits.memory', '2gib', '2GiB'],
      ['limits.memory', '1.5G', '1536MiB'],
      ['limits.memory', '50%', '50%'],
      ['limits.memory.swap', '0', 'false'],
      ['limits.memory.swap', 'unlimited', 'true'],
      ['limits.cpu', '2', '2'],
      ['limits.cpu', '50%', '0.5'],
      ['limits.cpu', '200ms/1s', '200ms/1s'],
      ['limits.cpu', '0-3,5', '0-3,5'],
      ['limits.cpu', '1.5@0-1', '1.5@0-1'],
      ['limits.io.read', '100iops,10M', '10MiB,100iops'],
      ['limits.network.egress', '2MB', '16Mbit'],
      ['limits.nofile', '1024:1024', '1024'],
      ['ports', '8080:80, 127.0.0.1:53:53/udp,[::1]:1:1,443,8000-8010:9', '8080:80,127.0.0.1:53:53/udp,[::1]:1:1,443,8000-8010:9'],
      ['restart', 'On-Failure:3', 'on-failure:3'],
      ['boot.stop.timeout', '2m', '120s'],
      ['boot.autostart', 'yes', 'true'],
    ];
    for (const [name, text, kept] of forms) {
      assert.equal(canonicalSetting(name, text), kept, `${name}=${text}`);
      assert.equal(canonicalSetting(name, kept), kept, `${name}=${kept}`);
    }
  });

  test('what is no value is refused by the name of its key, what is no key with a guess', () => {
    for (const [name, text] of [
      ['limits.memory', 'much'],
      ['limits.memory', '1k'],
      ['limits.memory', ''],
      ['limits.cpu', '0'],
      ['limits.cpu', '1@2@3'],
      ['limits.cpu', '200ms/10s'],
      ['limits.io.read', '1M,2M'],
      ['limits.pids', '0'],
      ['limits.nofile', '10:5'],
      ['ports', '80:'],
      ['ports', '0:1'],
      ['ports', '9-8:1'],
      ['restart', 'sometimes'],
      ['boot.autostart', 'perhaps'],
      ['environment.A', 'a\0b'],
    ] as const)
      assert.throws(() => canonicalSetting(name, text), { kind: 'invalid-argument', code: 'SETTING_VALUE' }, `${name}=${text}`);
    assert.throws(() => canonicalSetting('memory', '1G'), { code: 'SETTING_UNKNOWN', hint: /limits\.memory/ });
    for (const name of ['environment.', 'limits', '__proto__', 'constructor'])
      assert.throws(() => canonicalSetting(name, '1'), { code: 'SETTING_UNKNOWN' }, name);
  });

  test('printing and reading are inverse', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 52 }), (bytes) => assert.equal(parseSize(formatSize(bytes)), bytes)));
    const port = fc.record({
      containerPort: fc.integer({ min: 1, max: 65_535 }),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      hostPort: fc.integer({ min: 1, max: 65_535 }).map((first) => ({ first, last: first })),
    });
    fc.assert(
      fc.property(fc.array(port, { maxLength: 5 }), (ports) =>
        assert.equal(JSON.stringify(parsePorts(formatPorts(ports) ?? '')), JSON.stringify(ports)),
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4000 }), (hundredths) => {
        const text = String(hundredths / 100);
        assert.equal(formatCpuShare(parseCpuShare(text)), text);
      }),
    );
  });
});

describe('a change', () => {
  test('puts each setting where the engine looks for it, and shows it again', () => {
    const set = {
      description: 'a web server',
      'limits.memory': '50%',
      'limits.memory.swap': '1G',
      'limits.cpu': '1.5@0-1',
      'limits.pids': '100',
      'limits.io.write': '10M',
      'limits.nofile': '10:20',
      'environment.A': 'b=c',
      'environment.HOME': '/root',
      'labels.role': 'web',
      'user.owner': 'Ann',
      ports: '8080:80',
      restart: 'always',
      'boot.stop.timeout': '5',
    };
    const { request, process, labels } = change(recordWith(), set);
    assert.deepEqual(request.limits, {
      memoryBytes: 4 * 2 ** 30,
      memorySwapBytes: 5 * 2 ** 30,
      nanoCpus: 1.5e9,
      cpusetCpus: '0-1',
      pids: 100,
      writeBytes: [{ path: '/dev/vda', rate: 10 * 2 ** 20 }],
    });
    assert.deepEqual(process.env, ['A=b=c', 'HOME=/root', 'PATH=/bin']);
    assert.equal(labels['role'], 'web');
    assert.deepEqual(request.settings, { description: 'a web server', 'user.owner': 'Ann' });
    assert.equal(request.stopTimeoutS, 5);
    assert.deepEqual(shown(change(recordWith(), set)), {
      ...set,
      'limits.memory': '4GiB',
      'limits.memory.swap': '1GiB',
      'limits.io.write': '10MiB',
      'boot.stop.timeout': '5s',
    });
  });

  test('what is taken away leaves what the image has, and nothing else', () => {
    const set = {
      'environment.HOME': '/root',
      'labels.from': 'me',
      'limits.memory': '1G',
      'limits.memory.swap': 'false',
      ports: '80',
      'user.a': '1',
    };
    const before = recordWith({ labels: { from: 'image' }, process: { ...recordWith().process, env: ['PATH=/bin', 'HOME=/'] } });
    const there = change(before, set);
    const gone = planChange(there, { unset: Object.keys(set) }, [], facts);
    assert.deepEqual(shown(gone), {});
    assert.deepEqual(gone.labels, { from: 'image' });
    assert.deepEqual(gone.process.env, ['PATH=/bin', 'HOME=/']);
    assert.deepEqual(gone.request, before.request);
  });

  test('swap stays beside a memory limit that changes, and cannot stay without one', () => {
    const there = change(recordWith(), { 'limits.memory': '1G', 'limits.memory.swap': '512M' });
    assert.equal(change(there, { 'limits.memory': '2G' }).request.limits?.memorySwapBytes, 2.5 * 2 ** 30);
    assert.throws(() => planChange(there, { unset: ['limits.memory'] }, [], facts), { code: 'SETTING_VALUE' });
    assert.throws(() => change(recordWith(), { 'limits.memory.swap': '1G' }), { code: 'SETTING_VALUE' });
  });

  test('a whole set replaces all others', () => {
    const there = change(recordWith(), { 'limits.memory': '1G', 'user.a': '1', 'environment.X': 'y' });
    assert.deepEqual(shown(change(there, { 'user.b': '2' }, { replace: true })), { 'user.b': '2' });
  });

  test('no disk that can be held to a rate is said', () => {
    const nowhere = { ...facts, disk: { path: null, why: 'it is a tmpfs' } } as const;
    assert.throws(() => planChange(recordWith(), { set: { 'limits.io.read': '1M' } }, [], nowhere), {
      kind: 'failed-precondition',
      message: /tmpfs/,
    });
  });

  test('what a running container goes on with until its next start is shown beside what is set', () => {
    const before = running({ request: requestWith({ env: ['A=old'] }) });
    const after = change(before, { 'environment.A': 'new', 'limits.pids': '5' });
    const view = viewSettings(after, facts).settings;
    assert.deepEqual(view, [
      { name: 'environment.A', value: 'new', profile: null, inForce: 'old' },
      { name: 'limits.pids', value: '5', profile: null },
    ]);
    assert.deepEqual(change(after, { 'environment.A': 'old' }).run?.pending, {});
  });

  test('what is for this run only is not kept, and refused where nothing runs or nothing would change', () => {
    const before = running({ request: requestWith({ limits: { pids: 5 } }) });
    const once = planChange(before, { set: { 'limits.pids': '9' }, once: true }, [], facts);
    assert.equal(once.request.limits?.pids, 5);
    assert.equal(inForceOf(once, facts).request.limits?.pids, 9);
    assert.deepEqual(viewSettings(once, facts).settings, [{ name: 'limits.pids', value: '5', profile: null, inForce: '9' }]);
    assert.deepEqual(change(once, { 'limits.pids': '7' }).run?.once, {});
    assert.throws(() => planChange(recordWith(), { set: { 'limits.pids': '9' }, once: true }, [], facts), { kind: 'conflict' });
    assert.throws(() => planChange(before, { set: { 'environment.A': '9' }, once: true }, [], facts), { code: 'SETTING_ONCE' });
  });
});

describe('profiles', () => {
  const profile = (name: string, settings: Record<string, string>): Profile => ({ name, description: '', settings });
  const small = profile('small', { 'limits.memory': '1GiB', 'limits.pids': '100', 'user.size': 'small' });
  const big = profile('big', { 'limits.memory': '4GiB', 'user.size': 'big' });

  test('own settings come before those of profiles, later profiles before earlier ones', () => {
    const planned = planSettings({ 'limits.pids': '7' }, [small, big]);
    assert.deepEqual(Object.fromEntries(planned), {
      'limits.memory': { value: '4GiB', profile: 'big' },
      'limits.pids': { value: '7', profile: null },
      'user.size': { value: 'big', profile: 'big' },
    });
  });

  test('a container follows its profiles, keeps what is its own, and shows where all of it is from', () => {
    const with2 = planChange(recordWith(), { set: { 'limits.pids': '7' } }, [small, big], facts);
    assert.deepEqual(ownSettings(with2, facts), { 'limits.pids': '7' });
    assert.equal(with2.request.limits?.memoryBytes, 4 * 2 ** 30);
    assert.deepEqual(
      viewSettings(with2, facts).settings.map(({ name, profile: from }) => [name, from]),
      [
        ['limits.memory', 'big'],
        ['limits.pids', null],
        ['user.size', 'big'],
      ],
    );
    const without = planChange(with2, {}, [small], facts);
    assert.deepEqual(shown(without), { 'limits.memory': '1GiB', 'limits.pids': '7', 'user.size': 'small' });
    assert.deepEqual(shown(planChange(without, { unset: ['limits.pids'] }, [small], facts))['limits.pids'], '100');
    assert.deepEqual(shown(planChange(without, {}, [], facts)), { 'limits.pids': '7' });
  });

  test('what was changed by other ways than settings is its own', () => {
    const there = planChange(recordWith(), {}, [small], facts);
    const updated = { ...there, request: { ...there.request, limits: { ...there.request.limits, pids: 9 } } };
    assert.deepEqual(ownSettings(updated, facts), { 'limits.pids': '9' });
  });
});

describe('limits of what runs', () => {
  const find = () => ({ major: 8, minor: 0 });
  const unlimited = { cpus: '0-3', cpuShares: 1024 };

  test('a limit that goes is lifted, one that stays is left alone', () => {
    const before = { memoryBytes: 1e9, nanoCpus: 1e9, cpusetCpus: '0', pids: 5, cpuShares: 10, readBytes: [{ path: '/dev/vda', rate: 1 }] };
    assert.deepEqual(planLimitChange(before, {}, find, unlimited), {
      memory: { limit: -1, swap: -1 },
      cpu: { quota: -1, period: 100_000, shares: 1024, cpus: '0-3' },
      pids: { limit: -1 },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 0 }] },
    });
    assert.equal(planLimitChange(before, before, find, unlimited), null);
    assert.deepEqual(planLimitChange(before, { ...before, pids: 6 }, find, unlimited), { pids: { limit: 6 } });
  });

  test('a limit that comes is told as at a start', () => {
    const after = { memoryBytes: 2e9, memorySwapBytes: 3e9, nanoCpus: 5e8 };
    const { memory, cpu } = limitsToResources(after, find);
    assert.deepEqual(planLimitChange({}, after, find, unlimited), { memory, cpu });
  });
});
