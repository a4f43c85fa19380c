import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkDevice, type DeviceMap } from '#wire';
import type { ContainerRecord } from '../container/record.ts';
import { recordWith } from '../fixtures/records.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { ownDevices, planNamed, withNamed } from './named.ts';

test('a device that cannot be is refused by its name', () => {
  const wrong: Record<string, string>[] = [
    { type: 'disk' },
    { type: 'disk', source: '/a' },
    { type: 'disk', source: '/a', path: 'relative' },
    { type: 'disk', source: '/a', path: '/b', readonly: 'perhaps' },
    { type: 'disk', source: '/a', path: '/b', size: '1G' },
    { type: 'tmpfs', path: '/t', size: 'much' },
    { type: 'unix-char', source: 'dev/null' },
    { type: 'unix-char', source: '/dev/null', permissions: 'x' },
    { type: 'nic' },
    { type: 'floppy' },
    {},
  ];
  for (const config of wrong) assert.throws(() => checkDevice('d', config), { kind: 'invalid-argument' }, JSON.stringify(config));
  for (const name of ['', '../x', 'a/b', 'x'.repeat(64)])
    assert.throws(() => checkDevice(name, { type: 'tmpfs', path: '/t' }), { code: 'DEVICE_INVALID' });
});

test('what is added is taken away whole; places are given once', () => {
  const disk = { type: 'disk', source: '/src', path: '/dst' };
  const give = (devices: DeviceMap, record = recordWith()): ContainerRecord => withNamed(record, { devices, inherited: {} }, () => null);
  const there = give({ d: disk });
  assert.deepEqual(there.mounts, [
    { type: 'bind', source: '/src', recursive: true, target: '/dst', readOnly: false, shortOptions: '', device: 'd' },
  ]);
  assert.throws(() => give({ d: disk, e: disk }), { code: 'DEVICE_PLACE' });
  const both = give({ d: disk, n: { type: 'unix-char', source: '/dev/null', path: '/dev/n' } }, there);
  assert.deepEqual(both.request.devices, [{ source: '/dev/null', target: '/dev/n', permissions: 'rwm', device: 'n' }]);
  const bare = give({}, both);
  assert.deepEqual([bare.mounts, bare.request.devices, bare.request.namedDevices], [[], undefined, {}]);
  assert.equal(give({ d: { path: '/dst', source: '/src', type: 'disk' } }, there).mounts[0], there.mounts[0], 'the same stays untouched');
});

test('own devices come before those of profiles, later profiles before earlier ones; none leaves one out', () => {
  const base = { name: 'base', devices: { a: { type: 'tmpfs', path: '/a' }, b: { type: 'tmpfs', path: '/b' } } };
  const top = { name: 'top', devices: { b: { type: 'tmpfs', path: '/c' } } };
  const planned = planNamed({ a: { type: 'none' } }, [base, top]);
  assert.deepEqual(planned, { devices: { a: { type: 'none' }, b: { type: 'tmpfs', path: '/c' } }, inherited: { b: 'top' } });
  const record = withNamed(recordWith(), planned, () => null);
  assert.deepEqual(
    record.mounts.map(({ target }) => target),
    ['/c'],
  );
  assert.deepEqual(ownDevices(record), { a: { type: 'none' } });
  const bare = withNamed(record, planNamed(ownDevices(record), []), () => null);
  assert.deepEqual([bare.mounts, bare.inheritedDevices], [[], undefined]);
});

describe('devices of running containers', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  const share = mkdtempSync(join(tmpdir(), 'orlop-share-'));
  before(async () => void (bench = await openTestEngine()));
  after(async () => {
    await bench[Symbol.asyncDispose]();
    rmSync(share, { recursive: true });
  });
  const inside = async (id: string, script: string): Promise<string> => {
    const exec = bench.engine.execs.create(id, {
      command: ['sh', '-c', script],
      terminal: true,
      attachStdin: false,
      attachStdout: true,
      attachStderr: true,
    });
    const attached = await bench.engine.execs.start(exec, { detach: false });
    assert.ok(attached);
    let said = '';
    for await (const chunk of attached.stream) said += String(chunk);
    return said.replaceAll('\r', '').trim();
  };

  for (const request of [{}, { kind: 'system' }, { userNamespace: 'host' }] as const) {
    test(`come and go at once, with the owners that it sees, and stay over a restart (${JSON.stringify(request)})`, async () => {
      const { devices, containers } = bench.engine;
      writeFileSync(join(share, 'from-host'), 'hello');
      const id = await bench.run(['sleep', '1000'], { ...request, stopTimeoutS: 0 });
      await devices.add(id, 'share', { type: 'disk', source: share, path: '/mnt/share' });
      await devices.add(id, 'fixed', { type: 'disk', source: share, path: '/fixed', readonly: 'true' });
      await devices.add(id, 'data', { type: 'disk', source: 'data', path: '/data' });
      await devices.add(id, 'memory', { type: 'tmpfs', path: '/scratch', size: '8M' });
      await devices.add(id, 'zero', { type: 'unix-char', source: '/dev/zero', path: '/dev/mine' });
      const look =
        'cat /mnt/share/from-host; stat -c %u /mnt/share/from-host; touch /fixed/x 2>/dev/null || echo fixed; df /scratch | grep -c 8192; head -c 2 /dev/mine | wc -c';
      const seen = 'hello0\nfixed\n1\n2';
      assert.equal(await inside(id, look), seen);
      await inside(id, 'echo back > /mnt/share/from-inside; echo kept > /data/file');
      assert.equal(readFileSync(join(share, 'from-inside'), 'utf8'), 'back\n');
      await devices.change(id, 'share', { readonly: 'true' });
      assert.equal(await inside(id, 'touch /mnt/share/y 2>/dev/null || echo fixed'), 'fixed');
      await assert.rejects(devices.change(id, 'share', { source: join(share, 'missing') }));
      await assert.rejects(devices.change(id, 'share', { path: '/data' }), { code: 'DEVICE_PLACE' });
      await devices.change(id, 'memory', { size: '16M' });
      assert.equal(await inside(id, 'df /scratch | grep -c 16384'), '1');
      await devices.change(id, 'memory', { size: '8M' });
      await containers.restart(id, {});
      assert.equal(await inside(id, look), seen);
      await bench.reopen();
      for (const name of ['share', 'fixed', 'data', 'memory', 'zero']) await bench.engine.devices.remove(id, name);
      assert.equal(
        await inside(id, 'ls /mnt/share /fixed /data; mount | grep -cE " /(mnt/share|fixed|data|scratch|dev/mine) "'),
        '/data:\n\n/fixed:\n\n/mnt/share:\n0',
      );
      assert.deepEqual(bench.engine.devices.list(id).devices, {});
      await bench.engine.containers.remove(id, { force: true });
      await bench.engine.volumes.remove('data');
    });
  }

  test('a copy has them too, and a restore leaves them', async () => {
    const { devices, containers, snapshots } = bench.engine;
    const id = await bench.run(['sleep', '1000'], { stopTimeoutS: 0 });
    await snapshots.take(id, { name: 'before' });
    await devices.add(id, 'memory', { type: 'tmpfs', path: '/scratch', size: '8M' });
    const copy = await snapshots.copy(id, {});
    await containers.start(copy.id);
    await containers.stop(id, {});
    await snapshots.restore(id, 'before', {});
    await containers.start(id);
    for (const one of [id, copy.id]) {
      assert.equal(await inside(one, 'df /scratch | grep -c 8192'), '1');
      await devices.remove(one, 'memory');
      assert.equal(await inside(one, 'mount | grep -c scratch'), '0');
      await containers.remove(one, { force: true });
    }
  });

  test('those of a profile come to all that have it, follow it, and go with it; what one cannot have nobody gets', async () => {
    const { devices, settings, containers, networks } = bench.engine;
    await networks.create({ name: 'behind' });
    await settings.profiles.change('shared', { create: true, devices: { memory: { type: 'tmpfs', path: '/scratch', size: '8M' } } });
    const one = await bench.run(['sleep', '1000'], { profiles: ['shared'], network: 'bridge', stopTimeoutS: 0 });
    const other = await bench.run(['sleep', '1000'], { network: 'bridge', stopTimeoutS: 0 });
    const size = (id: string): Promise<string> => inside(id, 'df | grep " /scratch$" | tr -s " " | cut -d " " -f 2');
    const links = (id: string): Promise<string> => inside(id, 'ip -o link | wc -l');
    const few = await links(other);
    assert.equal(await size(one), '8192');
    await settings.change(other, { profiles: ['shared'] });
    assert.equal(await size(other), '8192');
    const memory = { type: 'tmpfs', path: '/scratch', size: '16M' };
    assert.deepEqual(
      (await settings.profiles.change('shared', { devices: { memory, lan: { type: 'nic', network: 'behind' } } })).warnings,
      [],
    );
    for (const id of [one, other]) assert.deepEqual([await size(id), await links(id)], ['16384', String(Number(few) + 1)]);
    assert.deepEqual(settings.show(one).devices, [
      { name: 'lan', config: { type: 'nic', network: 'behind' }, profile: 'shared' },
      { name: 'memory', config: memory, profile: 'shared' },
    ]);

    await assert.rejects(devices.remove(one, 'memory'), { code: 'DEVICE_INHERITED' });
    await devices.change(one, 'memory', { size: '4M' });
    await devices.add(other, 'memory', { type: 'none' });
    assert.deepEqual([await size(one), await size(other)], ['4096', '']);
    await devices.add(other, 'mine', { type: 'tmpfs', path: '/mine' });
    await assert.rejects(settings.profiles.change('shared', { devices: { clash: { type: 'tmpfs', path: '/mine' } } }), {
      code: 'DEVICE_PLACE',
    });
    assert.deepEqual(Object.keys(settings.profiles.find('shared').devices ?? {}), ['memory', 'lan']);

    await devices.remove(one, 'memory');
    await devices.remove(other, 'memory');
    assert.deepEqual([await size(one), await size(other)], ['16384', '16384']);
    await containers.restart(one, {});
    assert.equal(await size(one), '16384');
    await settings.change(one, { profiles: [] });
    await settings.profiles.change('shared', { withoutDevices: ['memory', 'lan'] });
    for (const id of [one, other]) assert.deepEqual([await size(id), await links(id)], ['', few]);
    for (const id of [one, other]) await containers.remove(id, { force: true });
    await settings.profiles.remove('shared');
    await networks.remove('behind');
  });

  test('an engine that ended between the steps of an exchange leaves it to the next', async () => {
    const id = await bench.run(['sleep', '1000'], { stopTimeoutS: 0 });
    await bench.engine.devices.add(id, 'old', { type: 'tmpfs', path: '/old' });
    await bench.reopen(({ metadata }) => {
      const row = metadata.containers.list().find((one) => one.id === id);
      const record = JSON.parse(row?.record ?? '') as ContainerRecord;
      const { old, ...others } = record.request.namedDevices ?? {};
      const config = { type: 'tmpfs', path: '/new' };
      const mounts = [{ type: 'tmpfs', source: '', target: '/new', readOnly: false, shortOptions: '', device: 'new' }];
      const request = { ...record.request, namedDevices: { ...others, new: config } };
      metadata.containers.update(id, { record: JSON.stringify({ ...record, mounts, request, settling: true, leaving: { old } }) });
    });
    assert.equal(await inside(id, 'mount | grep -oE " /(old|new) "'), '/new');
    await bench.engine.devices.remove(id, 'new');
    assert.equal(await inside(id, 'mount | grep -cE " /(old|new) "'), '0');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('profiles and settings are written with their devices', async () => {
    const { settings, containers } = bench.engine;
    await settings.profiles.change('shared', { create: true });
    await settings.profiles.writeDocument('shared', 'devices:\n  memory:\n    type: tmpfs\n    path: /scratch\n');
    const id = await bench.create(['true'], { profiles: ['shared'] });
    await settings.writeDocument(id, 'profiles: [shared]\ndevices: {mine: {type: tmpfs, path: /mine}}\n');
    const text = settings.readDocument(id);
    assert.match(text, /mine:\n +type: tmpfs/);
    assert.match(text, /# +device memory: type=tmpfs path=\/scratch \(shared\)/);
    await settings.writeDocument(id, text);
    assert.deepEqual(
      settings.show(id).devices.map(({ name, profile }) => [name, profile]),
      [
        ['memory', 'shared'],
        ['mine', null],
      ],
    );
    for (const bad of ['devices: [1]\n', 'devices: {a: 5}\n', 'devices: {a: {type: floppy}}\n'])
      await assert.rejects(settings.writeDocument(id, bad), { kind: 'invalid-argument' }, bad);
    await containers.remove(id, {});
    await settings.profiles.remove('shared');
  });

  test('a device that cannot be added is not there afterwards', async () => {
    const id = await bench.run(['sleep', '1000']);
    const tries: Record<string, string>[] = [
      { type: 'disk', source: join(share, 'missing'), path: '/x' },
      { type: 'disk', source: share, path: '/etc/passwd' },
      { type: 'unix-block', source: '/dev/zero' },
      { type: 'gpu', source: '/dev/no-such-gpu' },
      { type: 'nic', network: 'no-such-network' },
    ];
    for (const config of tries) {
      await assert.rejects(bench.engine.devices.add(id, 'd', config), JSON.stringify(config));
      assert.deepEqual(bench.engine.devices.list(id).devices, {});
      assert.deepEqual(bench.engine.containers.inspect(id).mounts, []);
    }
    await bench.engine.containers.remove(id, { force: true });
  });

  test('a place in a network comes and goes, also one that was given up by hand', async () => {
    const { engine } = bench;
    await engine.networks.create({ name: 'behind' });
    const id = await bench.run(['sleep', '1000'], { network: 'bridge', stopTimeoutS: 0 });
    const links = (): Promise<string> => inside(id, 'ip -o link | wc -l');
    const before = await links();
    for (const byHand of [false, true]) {
      await engine.devices.add(id, 'lan', { type: 'nic', network: 'behind' });
      assert.equal(await links(), String(Number(before) + 1));
      if (byHand) await engine.networks.disconnect('behind', id, {});
      await engine.devices.remove(id, 'lan');
      assert.equal(await links(), before);
    }
    await engine.containers.remove(id, { force: true });
    await engine.networks.remove('behind');
  });

  test('links of the container lead a device nowhere on the host', async () => {
    const id = await bench.run(['sh', '-c', `ln -s ${share}/elsewhere /trap; echo set; sleep 1000`]);
    await bench.firstOutput(id);
    await bench.engine.devices.add(id, 'd', { type: 'tmpfs', path: '/trap/below' }).catch(() => undefined);
    assert.throws(() => readFileSync(join(share, 'elsewhere')), { code: 'ENOENT' });
    await bench.engine.containers.remove(id, { force: true });
  });
});
