import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, runCommand, startEngine, whyNot, type Outcome, type TestEngine } from './harness.ts';
import { examplesSay } from './library-programs.ts';

describe('the examples of the library', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  const folder = join(projectRoot, 'examples/library');
  const run = (...args: string[]): Promise<Outcome> =>
    // A runner of tests does nothing as the child of another.
    runCommand('env', ['-u', 'NODE_TEST_CONTEXT', join(projectRoot, 'build/node'), ...args], {
      cwd: folder,
      timeoutMs: 60_000,
      env: { ORLOP_HOST: engine.host },
    });

  for (const [name, expected] of Object.entries(examplesSay)) {
    test(name, async () => {
      const { code, stdout, stderr } = await run(name);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, expected);
      assert.equal(await engine.must('ps', '-aq'), '');
    });
  }

  test('suite.test.ts', async () => {
    const { code, stdout } = await run('--test', 'suite.test.ts');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /pass 2/);
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('each is run', () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'suite.test.ts');
    assert.deepEqual(names.filter((name) => name in examplesSay).sort(), names.filter((name) => name !== 'tsconfig.json').sort());
  });
});
