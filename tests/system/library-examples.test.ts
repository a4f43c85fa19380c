import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, runCommand, startEngine, whyNot, type Outcome, type TestEngine } from './harness.ts';

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

  const said: Readonly<Record<string, RegExp>> = {
    'build.ts': /^FROM\nCOPY\nRUN \nhello, you\nexit code 3\n$/,
    'run-a-command.ts': /^apple\npear\n3 no such luck\n$/,
    'logs-and-stats.ts': /^(stdout line [123] true\n){3}\d+ processes, memory in use: true\nended with (\d+) and the event says \2\n$/,
    'exec-streams.ts':
      /^hello world\nhello container\ngreeted world\ngreeted container\nexit code 7\ngreet.sh \d+\nthe call was given up\n$/,
    'lease.ts': /^data\nreached\n1 container, 1 network, 1 volume\nall gone\n$/,
    'embedded.ts': /^hello from an engine of my own\n0 containers left\n$/,
  };
  for (const [name, expected] of Object.entries(said)) {
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
    assert.deepEqual(names.filter((name) => name in said).sort(), names.filter((name) => name !== 'tsconfig.json').sort());
  });
});
