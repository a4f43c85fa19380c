import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { whyNoMirror } from './debian-mirror.ts';
import { projectRoot, startEngine, whyNot, type TestEngine } from './harness.ts';

describe('examples of builds', { skip: whyNot() || (await whyNoMirror()), timeout: 900_000 }, () => {
  let engine: TestEngine;
  const build = (name: string): Promise<string> => engine.must('build', '-q', '-t', name, join(projectRoot, 'examples/builds', name));
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'debian/trixie');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('a C program, alone in its image', async () => {
    await build('c-program');
    assert.equal(await engine.must('run', '--rm', '--network', 'none', 'c-program', 'you', 'me'), 'hello, you\nhello, me');
    assert.equal(await engine.must('image', 'inspect', '--format', '{{len .RootFS.Layers}}', 'c-program'), '1');
  });

  for (const [name, says] of [
    ['python-service', /^python says hello from user [1-9]\d*$/],
    ['node-service', /^node says hello from user 65534$/],
  ] as const) {
    test(`a service: ${name}`, async () => {
      await build(name);
      const id = await engine.must('run', '-d', '--network', 'none', name);
      const health = (): Promise<string> => engine.must('inspect', '--format', '{{.State.Health.Status}}', id);
      for (const deadline = Date.now() + 60_000; (await health()) !== 'healthy' && Date.now() < deadline; ) await delay(200);
      assert.equal(await health(), 'healthy', await engine.must('logs', id));
      const command = name === 'python-service' ? ['python3', 'service.py', '--check'] : ['node', 'service.mjs', '--check'];
      assert.match(await engine.must('exec', id, ...command), says);
      await engine.must('stop', id);
      await engine.must('rm', id);
    });
  }
});
