import assert from 'node:assert/strict';
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
