import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

/** An init that can be asked: its answer is what stands in /level. */
const runlevel = '#!/bin/sh\ncat /level 2>/dev/null || echo unknown\n';

describe('boot states of machines', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const status = (name: string): Promise<string> => engine.must('ps', '-a', '--filter', `name=${name}`, '--format', '{{.Status}}');
  const until = async (name: string, pattern: RegExp): Promise<void> => {
    for (const deadline = Date.now() + 30_000; ; await delay(100)) {
      const said = await status(name);
      if (pattern.test(said)) return;
      if (Date.now() > deadline) throw new Error(`${name} is ${said}, and not ${pattern}`);
    }
  };
  const publish = (name: string, ...changes: readonly string[]): Promise<string> =>
    engine.must('publish', ...changes.flatMap((change) => ['--change', change]), 'seed', name);

  before(async () => {
    engine = await startEngine();
    await engine.must('launch', '-q', 'busybox', 'seed');
    await engine.orlopWith({ input: runlevel }, 'file', 'push', '--mode', '0755', '-', 'seed/bin/runlevel');
    await publish('asked', 'LABEL orlop.init=sysvinit');
    await publish('short', 'LABEL orlop.init=sysvinit', 'CMD ["/bin/sh", "-c", "echo last words; exit 3"]');
    await publish('deaf', 'LABEL orlop.init=sysvinit', 'CMD ["/bin/sh", "-c", "echo hello; while :; do sleep 1; done"]');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('ps and inspect tell a machine that boots from one that is up', async () => {
    await engine.must('launch', '-q', 'asked', 'box');
    assert.match(await status('box'), /^Up .* \(booting\)$/);
    assert.equal(await engine.must('inspect', '-f', '{{.State.Boot}}', 'box'), 'booting');
    const events = engine.spawn('events', '--filter', 'container=box');
    let heard = '';
    events.stdout?.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    const waits = engine.orlop('start', '--wait', 'box');
    await engine.must('exec', 'box', 'sh', '-c', 'echo N 2 > /level');
    assert.equal((await waits).code, 0);
    assert.match(await status('box'), /^Up .* \(running\)$/);
    assert.equal(await engine.must('inspect', '-f', '{{.State.Boot}}', 'box'), 'running');
    await delay(200);
    events.kill();
    assert.match(heard, /boot_status: running/);
    assert.doesNotMatch(heard, /runlevel/);
  });

  test('the next engine finds out again', async () => {
    await engine.kill();
    await engine.start();
    await until('box', /\(running\)$/);
    assert.equal((await engine.orlop('restart', '--wait', '-t', '10', 'box')).code, 0);
    assert.match(await status('box'), /\(running\)$/);
  });

  test('a machine whose init cannot be asked says nothing, and neither does an app', async () => {
    await until('seed', /^Up [^(]*$/);
    assert.equal((await engine.orlop('start', '--wait', 'seed')).code, 0);
    await engine.must('run', '-d', '--name', 'app', 'busybox', 'sleep', '100');
    assert.doesNotMatch(await status('app'), /\(/);
  });

  test('launch --wait that waits in vain says how far it is, what the console says and what to do', async () => {
    await engine.must('stop', '-t', '0', 'box');
    const { code, stderr } = await engine.orlop('launch', '-q', '--wait', '--wait-timeout', '3', 'deaf', 'never');
    assert.equal(code, 1);
    assert.match(
      stderr,
      /machine never was not up within 3 s: it is booting\n.*its console says\n {2}\| hello\n.*orlop console never.*orlop start --wait never/s,
    );
    assert.match(await status('never'), /\(booting\)$/);
  });

  test('a machine that hangs at its shutdown is killed, and that is said', async () => {
    const { code, stdout, stderr } = await engine.orlop('stop', '-t', '1', 'never');
    assert.deepEqual([code, stdout], [0, 'never\n']);
    assert.equal(stderr, 'WARNING: never did not end within 1 s and was killed\n');
    assert.match(await status('never'), /^Exited \(137\)/);
    await engine.must('start', 'box');
    assert.equal((await engine.orlop('stop', '-t', '30', 'box')).stderr, '');
  });

  test('a machine that ends at once says with what, and its last words', async () => {
    const { code, stderr } = await engine.orlop('launch', '-q', '--wait', 'short', 'brief');
    assert.equal(code, 1);
    assert.match(stderr, /machine brief ended with 3 before it was up\n.*\| last words\n.*orlop console --show-log brief/s);
    assert.match((await engine.orlop('launch', '--wait-timeout', '3', 'short', 'x')).stderr, /--wait-timeout goes with --wait/);
  });
});
