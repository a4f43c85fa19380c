import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

describe('snapshots of machines and apps, from the command line', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const sh = (name: string, script: string): Promise<string> => engine.must('exec', name, 'sh', '-c', script);
  const status = (name: string): Promise<string> => engine.must('inspect', '-f', '{{.State.Status}}', name);
  before(async () => {
    engine = await startEngine();
    await engine.must('launch', 'busybox', 'box');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('a machine comes back to what it was, with its settings', async () => {
    await sh('box', 'echo one > /srv; rm -r /etc/init.d 2>/dev/null; mkdir /data; echo a > /data/a');
    assert.equal(await engine.must('snapshot', 'box', 'good', '-m', 'before the mistake', '--expires', '7d'), 'good');
    assert.equal(await status('box'), 'running');
    await sh('box', 'echo two > /srv; rm -r /data');
    await engine.must('update', '--pids-limit', '300', 'box');
    const refused = await engine.orlop('restore', 'box', 'good');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /container box is running.*\nhint: .*orlop restore --restart box good/);
    assert.equal(await engine.must('diff', 'box', 'good'), 'D /data\nC /srv');
    await engine.must('restore', '--restart', 'box', 'good');
    assert.equal(await sh('box', 'cat /srv /data/a; hostname'), 'one\na\nbox');
    assert.match(await engine.must('inspect', '-f', '{{.HostConfig.PidsLimit}}', 'box'), /^(0|<nil>|null|<no value>)$/);
    assert.match(await engine.must('snapshots', 'box'), /good .*in 7 days.*running, current.*before the mistake/);
  });

  test('snapshots are a tree, and those in the middle can go', async () => {
    await engine.must('stop', 'box');
    await engine.must('snapshot', 'box', 'stopped');
    await engine.must('restore', 'box', 'good');
    await engine.must('snapshot', 'box', 'branch');
    assert.equal(await engine.must('snapshots', '--tree', 'box'), 'good  before the mistake\n├─ stopped\n└─ branch *');
    await engine.must('snapshot', 'rename', 'box', 'branch', 'twig');
    await engine.must('snapshot', 'rm', 'box', 'good');
    assert.equal(await engine.must('snapshots', '-q', 'box'), 'stopped\ntwig');
    await engine.must('restore', 'box', 'stopped');
    await engine.must('start', 'box');
    assert.equal(await sh('box', 'cat /srv'), 'one');
    assert.match((await engine.orlop('snapshot', 'rm', 'box', 'good')).stderr, /container box has no snapshot "good"/);
  });

  test('a copy of a machine that runs is a machine of its own', async () => {
    await sh('box', 'echo "192.0.2.7 friend box" >> /etc/hosts; echo mine > /srv');
    assert.equal(await engine.must('copy', 'box', 'twin', '--start'), 'twin');
    assert.equal(await sh('twin', 'cat /srv; hostname; cat /etc/hostname'), 'mine\ntwin\ntwin');
    assert.match(await sh('twin', 'cat /etc/hosts'), /127.0.1.1\s+twin\n(.*\n)*192.0.2.7 friend twin/);
    const place = (name: string): Promise<string> =>
      engine.must('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}}{{end}}', name);
    assert.notEqual(await place('twin'), await place('box'));
    await sh('twin', 'echo other > /srv');
    assert.equal(await sh('box', 'cat /srv'), 'mine');
    assert.match((await engine.orlop('copy', 'box', 'twin')).stderr, /already in use/);
    assert.match((await engine.orlop('copy', 'box/never', 'third')).stderr, /container box has no snapshot "never"/);
    assert.match((await engine.orlop('move', 'box', 'far:box')).stderr, /engines have no names here\nhint: name its socket with --to/);
    await engine.must('copy', '-e', 'box/stopped', 'fleeting', '--start');
    assert.equal(await sh('fleeting', 'cat /srv'), 'one');
    await engine.must('stop', 'fleeting');
    await engine.must('rm', '-f', 'twin');
  });

  test('a machine goes to another engine and back with its snapshots, by a file and directly', async () => {
    await using other = await startEngine();
    const file = join(engine.root, 'box.tar');
    await engine.must('backup', 'create', 'box', '-o', file);
    assert.equal(await other.must('backup', 'restore', file), 'box');
    assert.equal(await other.must('snapshots', '-q', 'box'), await engine.must('snapshots', '-q', 'box'));
    await other.must('start', 'box');
    assert.equal(await other.must('exec', 'box', 'cat', '/srv', '/etc/hostname'), 'mine\nbox');
    await other.must('restore', '--restart', 'box', 'stopped');
    assert.equal(await other.must('exec', 'box', 'cat', '/srv'), 'one');
    assert.match(await other.must('diff', 'box'), /^A \/data$/m);
    assert.match((await other.orlop('move', 'box', 'back', '--to', engine.host)).stderr, /container box is running/);
    await other.must('stop', 'box');
    await other.must('move', 'box', 'back', '--to', engine.host);
    assert.match((await other.orlop('snapshots', 'box')).stderr, /No such container/);
    await engine.must('start', 'back');
    assert.equal(await sh('back', 'cat /srv; hostname'), 'one\nback');
    await engine.must('rm', '-f', 'back');
    assert.equal(await engine.must('images', '-q', '--filter', 'dangling=true'), '', 'images of the backup are gone');
    const bad = await engine.orlopWith({ input: 'no archive' }, 'backup', 'restore', '-');
    assert.notEqual(bad.code, 0);
    const archive = join(engine.root, 'image.tar');
    await engine.must('save', '-o', archive, 'busybox:latest');
    assert.match((await other.orlop('backup', 'restore', archive)).stderr, /this is no backup of a container/);
  });

  test('a published machine is an image that is launched', async () => {
    await engine.must('publish', 'box', '--alias', 'mine/box:1');
    assert.equal(await engine.must('launch', 'mine/box:1', 'second'), 'second');
    assert.equal(await sh('second', 'cat /srv; hostname'), 'mine\nsecond');
    await sh('second', 'mkdir -p /data; echo precious > /data/p; echo fresh > /srv');
    const address = (): Promise<string> =>
      engine.must('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', 'second');
    const before = await address();
    await engine.must('rebuild', '--restart', '--keep', '/data', 'second', 'mine/box:1');
    assert.equal(await sh('second', 'cat /srv /data/p; hostname'), 'mine\nprecious\nsecond');
    assert.equal(await address(), before);
    await engine.must('rm', '-f', 'second');
  });

  test('a schedule is set, shown and refused when it is none', async () => {
    assert.equal(
      await engine.must('snapshot', 'box', '--schedule', '@daily', '--expires', '2w', '--pattern', 'auto-%d'),
      'box: @daily, auto-%d',
    );
    assert.equal(await engine.must('snapshot', 'box', '--schedule', 'off'), 'box: no schedule, auto-%d');
    assert.match((await engine.orlop('snapshot', 'box', '--schedule', 'often')).stderr, /"often" is no schedule/);
  });

  test('a journal that is written all the time is whole and in order in a snapshot of its moment', async () => {
    engine.spawn('exec', 'box', 'sh', '-c', 'i=0; while :; do i=$((i+1)); echo "begin $i" >> /journal; echo "end $i" >> /journal; done');
    for (let round = 0; round < 3; round += 1) {
      await delay(100);
      await engine.must('snapshot', 'box', `busy${round}`);
    }
    await engine.must('restart', 'box');
    await engine.must('restore', '--restart', 'box', 'busy1');
    const lines = (await sh('box', 'cat /journal')).split('\n');
    assert.ok(lines.length > 10);
    for (const [index, line] of lines.entries()) assert.equal(line, `${index % 2 === 0 ? 'begin' : 'end'} ${Math.floor(index / 2) + 1}`);
  });

  test('an engine killed while it takes and restores leaves a container that is whole', async () => {
    await engine.must('snapshot', 'box', 'safe');
    for (let round = 0; round < 6; round += 1) {
      await sh('box', `echo ${round} > /round; sync`);
      if (round % 2 === 0) await engine.must('stop', 'box');
      const working = engine.spawn(...(round % 3 === 2 ? ['restore', '--restart', 'box', 'safe'] : ['snapshot', 'box', `cut${round}`]));
      working.on('error', () => undefined);
      await delay(40 + round * 25);
      await engine.kill();
      await engine.start();
      if ((await status('box')) !== 'running') await engine.must('start', 'box');
      const found = await sh('box', 'cat /round 2>/dev/null || echo none');
      assert.ok(found === String(round) || (round % 3 === 2 && found === 'none'), `round ${round}: ${found}`);
      const { problems } = JSON.parse(await engine.must('system', 'check', '--json', '--quick')) as { problems: unknown[] };
      assert.deepEqual(problems, []);
    }
  });

  test('removing a container takes its snapshots and their layers along', async () => {
    await engine.must('rm', '-f', 'box');
    assert.match((await engine.orlop('snapshots', 'box')).stderr, /No such container: box/);
    for (const deadline = Date.now() + 10_000; ; await delay(50)) {
      const { problems } = JSON.parse(await engine.must('system', 'check', '--json', '--quick')) as { problems: unknown[] };
      assert.deepEqual(problems, []);
      const usage = JSON.parse(await engine.must('system', 'df', '-v', '--json')) as Record<string, unknown>;
      if (JSON.stringify(usage).includes('"garbage":{"count":0') || Date.now() > deadline) {
        assert.match(JSON.stringify(usage), /"garbage":\{"count":0/);
        break;
      }
    }
  });
});
