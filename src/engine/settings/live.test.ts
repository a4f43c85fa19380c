import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { detectCgroupLayout, openCgroup } from '#runtime';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';

const cgroups = detectCgroupLayout();
const mib = 2 ** 20;

describe('settings of running containers', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  before(async () => void (bench = await openTestEngine()));
  after(() => bench[Symbol.asyncDispose]());
  const sleeper = (more = {}): Promise<string> => bench.run(['sleep', '1000'], more);
  const cgroupOf = (id: string) => openCgroup(cgroups, bench.engine.containers.inspect(id).cgroupPath);
  const heldTo = (id: string) => {
    const { memory, pids } = cgroupOf(id).stats();
    return { memory: memory.limitBytes, pids: pids.limit };
  };
  const shown = (id: string) => Object.fromEntries(bench.engine.settings.show(id).settings.map(({ name, value }) => [name, value]));
  const cpus = (id: string): string => readFileSync(join(cgroupOf(id).directoryOf('cpuset') ?? '', 'cpuset.cpus'), 'utf8').trim();

  for (const kind of ['app', 'system'] as const) {
    test(`several hold at once and stay (${kind}); what goes is lifted`, async () => {
      const id = await sleeper({ kind });
      const { pending } = await bench.engine.settings.change(id, {
        set: { 'limits.memory': '64M', 'limits.pids': '40', 'limits.cpu': '0.5@0', 'environment.A': 'b', 'limits.io.read': '10M' },
      });
      assert.deepEqual(pending, ['environment.A']);
      assert.deepEqual(heldTo(id), { memory: 64 * mib, pids: 40 });
      assert.equal(cpus(id), '0');
      await bench.reopen();
      await bench.engine.settings.change(id, { unset: ['limits.memory', 'limits.pids', 'limits.cpu', 'limits.io.read'] });
      assert.deepEqual(heldTo(id), { memory: null, pids: null });
      assert.notEqual(cpus(id), '');
      assert.deepEqual(shown(id), { 'environment.A': 'b' });
      await bench.engine.containers.remove(id, { force: true });
    });
  }

  test('one that cannot be keeps all from being changed', async () => {
    const id = await sleeper({ limits: { memoryBytes: 64 * mib, pids: 30 } });
    const was = shown(id);
    const tries: Record<string, string>[] = [
      { 'limits.pids': '20', 'limits.cpu': '4000' },
      { 'limits.pids': '20', 'limits.cpu': '4000-4001' },
      { 'limits.pids': '20', ports: '8080:80' },
    ];
    for (const set of tries) {
      await assert.rejects(bench.engine.settings.change(id, { set }), JSON.stringify(set));
      assert.deepEqual(heldTo(id), { memory: 64 * mib, pids: 30 });
      assert.deepEqual(shown(id), was);
    }
    await bench.engine.containers.remove(id, { force: true });
  });

  test('what the kernel refuses half-way is taken back', async () => {
    const holder = await sleeper({
      network: 'bridge',
      ports: [{ containerPort: 1, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: { first: 18_181, last: 18_181 } }],
    });
    const id = await sleeper({ network: 'bridge', limits: { pids: 30 } });
    await assert.rejects(bench.engine.settings.change(id, { set: { 'limits.pids': '20', ports: '127.0.0.1:18181:80' } }));
    assert.equal(heldTo(id).pids, 30);
    assert.deepEqual(shown(id), { 'limits.pids': '30' });
    await bench.engine.settings.change(id, { set: { ports: '127.0.0.1:18182:80' } });
    assert.deepEqual(
      bench.engine.containers.inspect(id).publishedPorts.map(({ hostPort }) => hostPort),
      [18_182],
    );
    await bench.engine.settings.change(id, { unset: ['ports'] });
    assert.deepEqual(bench.engine.containers.inspect(id).publishedPorts, []);
    for (const one of [id, holder]) await bench.engine.containers.remove(one, { force: true });
  });

  test('what is for one run goes with it', async () => {
    const id = await sleeper({ limits: { pids: 30 } });
    await bench.engine.settings.change(id, { set: { 'limits.pids': '20' }, once: true });
    assert.equal(heldTo(id).pids, 20);
    await bench.engine.containers.update(id, { limits: { pids: 30 } });
    await bench.engine.settings.change(id, { set: { 'limits.pids': '25' }, once: true });
    await bench.engine.containers.update(id, { limits: { pids: 31 } });
    assert.equal(bench.engine.settings.show(id).settings[0]?.inForce, undefined, 'an update for good is in force');
    await bench.engine.containers.update(id, { limits: { pids: 30 } });
    await bench.engine.containers.restart(id, { timeoutS: 0 });
    assert.equal(heldTo(id).pids, 30);
    await bench.engine.containers.remove(id, { force: true });
  });

  test('an environment that was changed is that of the next start, and of sessions at once', async () => {
    const id = await bench.run(['sh', '-c', 'echo "is $A"; sleep 1000'], { env: ['A=old'] });
    assert.equal(await bench.firstOutput(id), 'is old\n');
    await bench.engine.settings.change(id, { set: { 'environment.A': 'new' } });
    await bench.engine.containers.restart(id, { timeoutS: 0 });
    for (const deadline = Date.now() + 30_000; !(await bench.output(id)).includes('is new'); ) assert.ok(Date.now() < deadline);
    await bench.engine.containers.remove(id, { force: true });
  });

  test('how often limits were met is counted', async () => {
    const id = await bench.run(['sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo done; sleep 1000'], {
      limits: { pids: 4 },
    });
    for (const deadline = Date.now() + 30_000; (await pidsOf(id)).hits === 0; ) assert.ok(Date.now() < deadline);
    assert.equal((await pidsOf(id)).limit, 4);
    await bench.engine.containers.remove(id, { force: true });
  });
  const pidsOf = async (id: string) => {
    const found = (await bench.engine.settings.limits(id)).find(({ name }) => name === 'limits.pids');
    assert.ok(found);
    return found;
  };

  test('a profile is followed at once by the containers that have it, and by new ones', async () => {
    const { settings } = bench.engine;
    await settings.profiles.change('small', { create: true, set: { 'limits.pids': '40' } });
    const id = await sleeper({ profiles: ['small'], settings: { 'user.a': '1' } });
    assert.equal(heldTo(id).pids, 40);
    await settings.profiles.change('small', { set: { 'limits.pids': '41' } });
    assert.equal(heldTo(id).pids, 41);
    await assert.rejects(settings.profiles.change('small', { set: { 'limits.cpu': '4000' } }), { kind: 'invalid-argument' });
    assert.deepEqual(settings.profiles.find('small').settings, { 'limits.pids': '41' });
    await assert.rejects(settings.profiles.remove('small'), { code: 'PROFILE_IN_USE' });
    await settings.writeDocument(id, settings.readDocument(id).replace('small', 'default'));
    assert.deepEqual(shown(id), { 'user.a': '1' });
    assert.equal(heldTo(id).pids, null);
    await settings.profiles.remove('small');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('a document with an error changes nothing', async () => {
    const id = await bench.create(['true'], { limits: { pids: 30 } });
    const texts = [
      'settings:\n  limits.pids: [1]\n',
      'settings: 5\n',
      'setings: {}\n',
      'settings:\n  a: &x 1\n  b: *x\n',
      ': :',
      'settings:\n  limits.pids: 1\n  limits.pids: 2\n',
    ];
    for (const text of texts) await assert.rejects(bench.engine.settings.writeDocument(id, text), { kind: 'invalid-argument' }, text);
    assert.deepEqual(shown(id), { 'limits.pids': '30' });
    await bench.engine.settings.writeDocument(id, bench.engine.settings.readDocument(id));
    assert.deepEqual(shown(id), { 'limits.pids': '30' });
    await bench.engine.containers.remove(id, {});
  });

  test('a protected container is not removed, by force neither, nor by prune', async () => {
    const id = await bench.create(['true'], { settings: { 'security.protection.delete': 'yes' } });
    for (const force of [true, false])
      await assert.rejects(bench.engine.containers.remove(id, { force }), { code: 'ENGINE_CONTAINER_PROTECTED' });
    const { removed } = await bench.engine.disk.pruneContainers({ labels: [], notLabels: [] });
    assert.ok(!removed.includes(id));
    await bench.engine.settings.change(id, { unset: ['security.protection.delete'] });
    await bench.engine.containers.remove(id, {});
  });

  test('a shutdown stops all in order; the next engine starts what comes back', async () => {
    const first = await sleeper({
      name: 'first',
      settings: { 'boot.autostart': 'true', 'boot.autostart.order': '2', 'boot.stop.timeout': '0' },
    });
    const second = await sleeper({ name: 'second', restartPolicy: { name: 'unless-stopped' }, stopTimeoutS: 0 });
    const third = await sleeper({ name: 'third', stopTimeoutS: 0 });
    assert.deepEqual(await bench.engine.shutdown(), []);
    const ended = [first, second].map((id) => bench.engine.containers.inspect(id).finishedAtNs);
    assert.ok((ended[1] ?? 0n) <= (ended[0] ?? 0n), 'the one that starts first stops last');
    await bench.reopen();
    const status = (id: string): string => bench.engine.containers.inspect(id).status;
    for (
      const deadline = Date.now() + 30_000;
      [first, second].some((id) => status(id) !== 'running');
      await new Promise((resolve) => setTimeout(resolve, 20))
    )
      assert.ok(Date.now() < deadline, [first, second].map(status).join(' '));
    assert.equal(status(third), 'exited');
    for (const id of [first, second, third]) await bench.engine.containers.remove(id, { force: true });
  });
});
