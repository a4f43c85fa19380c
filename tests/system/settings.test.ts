import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { detectCgroupLayout, openCgroup } from '#runtime';
import type { ProfileView, SettingsView } from '#wire';
import { startEngine, whyNot } from './harness.ts';

describe('settings from the command line', { skip: whyNot() }, () => {
  test('an engine killed at any moment of a change leaves all of it or nothing, and holds the container to what it says', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('run', '-d', '--name', 'web', '--set', 'limits.pids=1000', '--set', 'limits.memory=64M', 'busybox', 'sleep', '1000');
    const pid = await engine.must('inspect', '--format', '{{.State.Pid}}', 'web');
    const layout = detectCgroupLayout();
    for (let round = 1; round <= 8; round++) {
      const change = engine.spawn(
        'set',
        'web',
        `limits.pids=${1000 + round}`,
        `limits.memory=${64 + round}M`,
        'user.round=' + String(round),
      );
      const ended = new Promise((resolve) => change.on('close', resolve));
      await delay(round * 6);
      await engine.kill();
      await ended;
      await engine.start();
      const view = JSON.parse(await engine.must('show', '--json', 'web')) as SettingsView;
      const value = (name: string): string => view.settings.find((one) => one.name === name)?.value ?? '';
      const pids = Number(value('limits.pids'));
      assert.equal(value('limits.memory'), `${pids - 1000 + 64}MiB`, JSON.stringify(view));
      const { memory, pids: held } = openCgroup(layout, await cgroupOf(pid)).stats();
      assert.deepEqual([held.limit, memory.limitBytes], [pids, (pids - 1000 + 64) * 2 ** 20]);
    }
  });

  test('an engine killed while containers follow a profile leaves them all as the profile says', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('profile', 'create', 'small', 'limits.pids=100');
    for (const name of ['web1', 'web2', 'web3'])
      await engine.must('run', '-d', '--name', name, '--profile', 'small', 'busybox', 'sleep', '1000');
    for (let round = 1; round <= 5; round++) {
      const change = engine.spawn('profile', 'set', 'small', `limits.pids=${100 + round}`, `limits.memory=${50 + round}M`);
      const ended = new Promise((resolve) => change.on('close', resolve));
      await delay(round * 9);
      await engine.kill();
      await ended;
      await engine.start();
      const said = JSON.parse(await engine.must('profile', 'show', '--json', 'small')) as ProfileView;
      for (const name of ['web1', 'web2', 'web3']) {
        assert.equal(await engine.must('get', name, 'limits.pids'), said.settings['limits.pids']);
        const pid = await engine.must('inspect', '--format', '{{.State.Pid}}', name);
        assert.equal(openCgroup(detectCgroupLayout(), await cgroupOf(pid)).stats().pids.limit, Number(said.settings['limits.pids']));
      }
    }
  });

  test('an engine killed while containers get another device of their profile leaves them with what it says', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('profile', 'create', 'shared');
    await engine.must('profile', 'device', 'add', 'shared', 'work', 'tmpfs', 'path=/work0');
    const names = ['web1', 'web2', 'web3'];
    for (const name of names) await engine.must('run', '-d', '--name', name, '--profile', 'shared', 'busybox', 'sleep', '1000');
    for (let round = 1; round <= 5; round++) {
      const change = engine.spawn('profile', 'device', 'set', 'shared', 'work', `path=/work${round}`);
      const ended = new Promise((resolve) => change.on('close', resolve));
      await delay(round * 9);
      await engine.kill();
      await ended;
      await engine.start();
      const said = JSON.parse(await engine.must('profile', 'show', '--json', 'shared')) as ProfileView;
      for (const name of names)
        assert.equal(await engine.must('exec', name, 'sh', '-c', 'mount | grep -oE "/work[0-9]"'), said.devices?.['work']?.['path']);
    }
  });

  test('an editor that changes nothing, fails, or leaves an error changes nothing', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('create', '--name', 'web', '--set', 'limits.pids=50', 'busybox');
    const edit = (EDITOR: string) => engine.orlopWith({ env: { ...(process.env as Record<string, string>), EDITOR } }, 'edit', 'web');
    assert.equal((await edit('true')).code, 0);
    assert.notEqual((await edit('false')).code, 0);
    assert.match((await edit("sed -i 's/50/many/'")).stderr, /limits\.pids/);
    assert.equal(await engine.must('get', 'web', 'limits.pids'), '50');
    await engine.must('get', 'web', 'limits.memory');
    assert.equal((await edit("sed -i 's/50/60/'")).code, 0);
    assert.equal(await engine.must('get', 'web', 'limits.pids'), '60');
  });

  test('a shutdown ends the engine too', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('run', '-d', '--name', 'web', '--stop-timeout', '0', '--restart', 'always', 'busybox', 'sleep', '1000');
    await engine.must('system', 'shutdown', '--force');
    for (const deadline = Date.now() + 20_000; (await engine.orlop('version')).code === 0; ) assert.ok(Date.now() < deadline);
    await engine.start();
    for (const deadline = Date.now() + 20_000; !(await engine.must('ps', '-q')); ) assert.ok(Date.now() < deadline);
  });
});

/** Of a process: its place below the pids hierarchy, or cgroup2. */
async function cgroupOf(pid: string): Promise<string> {
  const lines = (await readFile(`/proc/${pid}/cgroup`, 'utf8')).trim().split('\n');
  const line = lines.find((one) => /:pids:/.test(one)) ?? lines.find((one) => one.startsWith('0::')) ?? '';
  return line.split(':').slice(2).join(':');
}

describe('devices from the command line', { skip: whyNot() }, () => {
  test('an engine killed at any moment of an addition or a removal leaves a container that has what is listed', async () => {
    await using engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
    await engine.must('run', '-d', '--name', 'web', 'busybox', 'sleep', '1000');
    for (let round = 1; round <= 10; round++) {
      const words = round % 2 === 1 ? ['device', 'add', 'web', 'd', 'tmpfs', 'path=/scratch'] : ['device', 'rm', 'web', 'd'];
      const change = engine.spawn(...words);
      const ended = new Promise((resolve) => change.on('close', resolve));
      await delay(round * 5);
      await engine.kill();
      await ended;
      await engine.start();
      const listed = Object.keys(JSON.parse(await engine.must('device', 'ls', '--json', 'web')) as object).length;
      const mounted = Number((await engine.orlop('exec', 'web', 'sh', '-c', 'mount | grep -c " /scratch "')).stdout);
      assert.equal(mounted, listed, `round ${round}`);
      if (listed !== round % 2) await engine.must(...words);
    }
  });
});
