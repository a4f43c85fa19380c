import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { openStore } from '#store';
import { loadAddon } from '#sys';
import { eventually, startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';
const rounds = 5;

describe('the engine may die', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('containers go on, their logs are whole, and a new engine follows, stops, enters and removes them', async () => {
    await engine.must(
      'run',
      '-d',
      '--name',
      'counter',
      image,
      'sh',
      '-c',
      'i=0; while true; do i=$((i+1)); echo line $i; sleep 0.01; done',
    );
    for (let round = 0; round < rounds; round++) {
      await engine.kill();
      await engine.start();
      assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'counter'), 'running');
      assert.equal(await engine.must('exec', 'counter', 'echo', 'inside'), 'inside');
    }
    await engine.must('stop', '-t', '0', 'counter');
    const lines = (await engine.must('logs', 'counter')).split('\n');
    lines.forEach((line, index) => assert.equal(line, `line ${index + 1}`));
    assert.ok(lines.length > rounds);
    await engine.must('rm', 'counter');
  });

  test('an exit while no engine runs is told by the next one', async () => {
    await engine.must('run', '-d', '--name', 'short', image, 'sh', '-c', 'sleep 0.5; echo gone; exit 42');
    const id = await engine.must('inspect', '-f', '{{.Id}}', 'short');
    await engine.kill();
    const exitFile = `${engine.dataRoot}/containers/${id}/monitor/exit`;
    for (let tries = 0; tries < 500 && readFileSync(exitFile).readUInt32LE(0) === 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await engine.start();
    assert.equal(await engine.must('wait', 'short'), '42');
    assert.equal(await engine.must('logs', 'short'), 'gone');
    await engine.must('rm', 'short');
  });

  test('a container that was to be removed at its end is removed by the next engine', async () => {
    await engine.must('run', '-d', '--rm', '--name', 'brief', image, 'sleep', '0.2');
    await engine.kill();
    await new Promise((resolve) => setTimeout(resolve, 400));
    await engine.start();
    const { stdout } = await engine.orlop('ps', '-aq');
    assert.equal(stdout, '');
  });

  test('what a killed engine had not collected yet is collected by the next one', async () => {
    const garbage = async (): Promise<string> => {
      const { store } = JSON.parse(await engine.must('system', 'df', '-v', '--json')) as { store: { garbage: { count: number } } };
      return `${store.garbage.count}`;
    };
    await engine.stop();
    {
      await using store = await openStore({ root: engine.dataRoot, addon: loadAddon() });
      await store.content.ingest(store.leases.create(), 'nobody needs it');
    }
    await engine.start();
    assert.equal(await garbage(), '1');
    await engine.kill();
    await engine.start();
    await eventually(garbage, (count) => count === '0');
    assert.match(await engine.must('images'), /busybox/);
  });

  test('a kill in the middle of many starts leaves nothing that the next engine does not find', async () => {
    for (let round = 0; round < 3; round++) {
      const runs = Array.from({ length: 6 }, () => engine.orlop('run', '-d', image, 'sleep', '1000'));
      await new Promise((resolve) => setTimeout(resolve, 20 * round + 5));
      await engine.kill();
      await Promise.all(runs);
      await engine.start();
      const ids = (await engine.must('ps', '-aq', '--no-trunc')).split('\n').filter((id) => id !== '');
      if (ids.length > 0) await engine.must('rm', '-f', ...ids);
    }
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('two engines side by side know nothing of each other', async () => {
    await using other = await startEngine();
    await other.must('template', 'build', 'busybox');
    await engine.must('run', '-d', '--name', 'same', image, 'sleep', '1000');
    await other.must('run', '-d', '--name', 'same', image, 'sleep', '1000');
    await other.must('rm', '-f', 'same');
    assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'same'), 'running');
    assert.equal(await engine.must('exec', 'same', 'echo', 'alive'), 'alive');
    await engine.must('rm', '-f', 'same');
  });
});
