import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';

describe('bad input gets one sentence, what to do, and the documented code', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const cases: readonly { readonly name: string; readonly argv: readonly string[]; readonly code: number; readonly says: RegExp }[] = [
    { name: 'a missing image', argv: ['run', '--rm', 'not/here:1', 'true'], code: 125, says: /not\/here:1/ },
    { name: 'a bad reference', argv: ['run', '--rm', 'UPPER case', 'true'], code: 125, says: /UPPER case/ },
    { name: 'an unknown flag', argv: ['run', '--colour', image, 'true'], code: 125, says: /--colour/ },
    { name: 'a flag that is not supported', argv: ['run', '--rm', '--io-maxiops', '5', image, 'true'], code: 125, says: /--io-maxiops/ },
    { name: 'an unknown verb', argv: ['sail'], code: 1, says: /sail/ },
    { name: 'a missing container', argv: ['logs', 'nobody'], code: 1, says: /No such container: nobody/ },
    { name: 'a bad container name', argv: ['run', '--name', '-x-', image, 'true'], code: 125, says: /-x-/ },
    { name: 'a relative working directory', argv: ['run', '--rm', '-w', 'here', image, 'true'], code: 125, says: /here/ },
    { name: 'an unknown user', argv: ['run', '--rm', '-u', 'captain', image, 'true'], code: 125, says: /captain/ },
    { name: 'a bad signal', argv: ['kill', '-s', 'NOTHING', 'nobody'], code: 1, says: /NOTHING|nobody/ },
    { name: 'an unknown template', argv: ['template', 'build', 'plan9/4th'], code: 1, says: /plan9\/4th/ },
    { name: 'a negative memory limit', argv: ['run', '--rm', '-m', '-5', image, 'true'], code: 125, says: /-5|memory/ },
  ];
  for (const { name, argv, code, says } of cases) {
    test(name, async () => {
      const outcome = await engine.orlop(...argv);
      assert.equal(outcome.code, code, outcome.stderr);
      assert.match(outcome.stderr, says);
      assert.doesNotMatch(outcome.stderr, /at .*\(.*:\d+:\d+\)/);
      assert.equal(outcome.stdout, '');
    });
  }

  test('a name in use names its holder, and the holder is unharmed', async () => {
    const id = await engine.must('run', '-d', '--name', 'taken', image, 'sleep', '1000');
    const outcome = await engine.orlop('run', '-d', '--name', 'taken', image, 'true');
    assert.equal(outcome.code, 125);
    assert.ok(outcome.stderr.includes(id));
    assert.equal(await engine.must('inspect', '-f', '{{.State.Status}}', 'taken'), 'running');
    await engine.must('rm', '-f', 'taken');
  });

  test('nothing half-made stays behind', async () => {
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('a socket where nobody answers', async () => {
    const outcome = await runCommand(join(projectRoot, 'bin/orlop'), ['-H', `unix://${engine.root}/nobody.sock`, 'ps']);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /nobody\.sock/);
  });

  test('an engine that is not run by root says so', async () => {
    const outcome = await runCommand('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      join(projectRoot, 'bin/orlopd'),
      '--data-root',
      '/tmp/nobodys',
    ]);
    if (outcome.stderr.includes('Permission denied')) return; // the checkout itself is closed to others
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /root/);
  });

  test('a second engine on the same data root is refused', async () => {
    const root = mkdtempSync(join(tmpdir(), 'orlop-second-'));
    try {
      const argv = ['--data-root', engine.dataRoot, '--exec-root', join(root, 'exec'), '-H', `unix://${root}/s.sock`];
      const outcome = await runCommand(join(projectRoot, 'bin/orlopd'), argv);
      assert.equal(outcome.code, 1);
      assert.ok(outcome.stderr.includes(engine.dataRoot));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
