import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkDevice } from '#wire';
import { recordWith } from '../fixtures/records.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';
import { partsOf, withDevice, withoutDevice } from './named.ts';

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
  assert.throws(() => checkDevice('p', { type: 'proxy' }), { kind: 'unimplemented', hint: /ports/ });
});

test('what is added is taken away whole; names and places are given once', () => {
  const add = (record = recordWith(), name = 'd', config: Record<string, string> = { type: 'disk', source: '/src', path: '/dst' }) =>
    withDevice(
      record,
      name,
      config,
      partsOf(name, config, () => null),
    );
  const there = add();
  assert.deepEqual(there.mounts, [
    { type: 'bind', source: '/src', recursive: true, target: '/dst', readOnly: false, shortOptions: '', device: 'd' },
  ]);
  assert.throws(() => add(there), { code: 'DEVICE_EXISTS' });
  assert.throws(() => add(there, 'e'), { code: 'DEVICE_PLACE' });
  const both = add(there, 'n', { type: 'unix-char', source: '/dev/null', path: '/dev/n' });
  assert.deepEqual(both.request.devices, [{ source: '/dev/null', target: '/dev/n', permissions: 'rwm', device: 'n' }]);
  const bare = withoutDevice(withoutDevice(both, 'n'), 'd');
  assert.deepEqual([bare.mounts, bare.request.devices, bare.request.namedDevices], [[], undefined, {}]);
  assert.throws(() => withoutDevice(bare, 'd'), { kind: 'not-found' });
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
      assert.deepEqual(bench.engine.devices.list(id), {});
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
      assert.deepEqual(bench.engine.devices.list(id), {});
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
