import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

/** Lines that count upwards, with a pause now and then, until the container is stopped. */
const counter = 'i=0; while true; do i=$((i + 1)); echo line $i; [ $((i % 200)) = 0 ] && sleep 0.05; done';

describe('logs while things die', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine(['--log-opt', 'max-file=5000', '--log-opt', 'compress=true']);
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const start = async (name: string, ...flags: readonly string[]): Promise<string> => {
    await engine.must('run', '-d', '--name', name, '--network', 'none', ...flags, 'busybox', 'sh', '-c', counter);
    return join(engine.dataRoot, 'containers', await engine.must('inspect', '-f', '{{.Id}}', name), 'logs');
  };
  const lastNumber = (directory: string): number =>
    Math.max(...readdirSync(directory).map((name) => Number(/^container\.log\.(\d+)/.exec(name)?.[1] ?? 0)));
  const linesOf = async (name: string): Promise<number[]> =>
    (await engine.must('logs', name)).split('\n').map((line) => Number(/^line (\d+)$/.exec(line)?.[1] ?? Number.NaN));

  const buffered = ['--log-opt', 'mode=non-blocking', '--log-opt', 'max-buffer-size=64m'];
  for (const [driver, ...mode] of [['json-file'], ['local'], ['local', ...buffered]] as const) {
    const name = `heavy-${driver}-${mode.length}`;
    test(`kills of the engine in the middle of rotation and packing lose and double no line of ${driver} ${mode.join(' ')}`, async () => {
      const directory = await start(
        name,
        ...mode,
        '--log-driver',
        driver,
        '--log-opt',
        'max-size=20k',
        '--log-opt',
        'max-file=5000',
        '--log-opt',
        'compress=true',
      );
      for (let round = 0; round < 6; round++) {
        const earlier = lastNumber(directory);
        await delay(30 * round);
        await engine.kill();
        while (lastNumber(directory) < earlier + 3) await delay(10);
        await engine.start();
      }
      await engine.must('stop', '-t', '0', name);
      const lines = await linesOf(name);
      assert.ok(lastNumber(directory) > 18);
      assert.deepEqual(
        lines,
        [...lines.keys()].map((index) => index + 1),
      );
      await engine.must('rm', name);
    });
  }

  test('without an engine a container does not fill the disk', async () => {
    const directory = await start('alone', '--log-opt', 'max-size=50k', '--log-opt', 'max-file=3', '--log-opt', 'compress=false');
    await engine.kill();
    const from = lastNumber(directory);
    while (lastNumber(directory) < from + 8) await delay(10);
    const files = readdirSync(directory).filter((name) => /\.\d+$/.test(name));
    assert.ok(files.length <= 4, files.join(' '));
    for (const name of files) assert.ok((statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0) <= 50_000);
    await engine.start();
    await engine.must('rm', '-f', 'alone');
  });

  for (const mode of [[], buffered]) {
    test(`a kill of the monitor leaves a log that the next start goes on with ${mode.join(' ')}`, async () => {
      const directory = await start('orphan', '--log-opt', 'max-size=20k', ...mode);
      for (let round = 0; round < 4; round++) {
        while (lastNumber(directory) < 2 + round) await delay(5);
        const init = await engine.must('inspect', '-f', '{{.State.Pid}}', 'orphan');
        const monitor = Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${init}/status`, 'utf8'))?.[1]);
        assert.match(readFileSync(`/proc/${monitor}/comm`, 'utf8'), /^bosun/);
        process.kill(monitor, 'SIGKILL');
        await engine.must('wait', 'orphan');
        await engine.must('start', 'orphan');
      }
      await engine.must('stop', '-t', '0', 'orphan');
      const lines = await linesOf('orphan');
      // Each start counts from 1 again; within a start nothing is missing, doubled or torn.
      lines.forEach((line, index) =>
        assert.ok(line === 1 || line === (lines[index - 1] ?? 0) + 1, `line ${line} after ${lines[index - 1]}`),
      );
      assert.equal(lines.filter((line) => line === 1).length, 5);
      await engine.must('rm', 'orphan');
    });
  }

  test('whoever follows sees every line once, whatever happens to the files', async () => {
    await engine.must('create', '--name', 'followed', '--network', 'none', '--log-opt', 'max-size=30k', 'busybox', 'sh', '-c', counter);
    await engine.must('start', 'followed');
    const follower = engine.spawn('logs', '-f', 'followed');
    const closed = once(follower, 'close');
    let text = '';
    follower.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const deadline = Date.now() + 30_000;
    while (text.length < 150_000 && Date.now() < deadline) await delay(20);
    assert.ok(text.length >= 150_000, `${text.length} bytes, the last: ${text.slice(-100)}`);
    await engine.must('stop', '-t', '0', 'followed');
    await closed;
    const lines = text.trimEnd().split('\n');
    lines.forEach((line, index) => assert.equal(line, `line ${index + 1}`));
    assert.equal(lines.length, (await linesOf('followed')).length);
    await engine.must('rm', 'followed');
  });
});
