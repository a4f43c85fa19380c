import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runCommand, startEngine, whyNot, type TestEngine } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';
import { clientFile, whyNoClient } from './npm-clients.ts';

const scriptOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

describe('clients of npm', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(() => engine[Symbol.asyncDispose]());

  /** Runs a script that prints `ok NAME` or `FAILED NAME` and why, and makes a test of each. */
  async function runCases(context: TestContext, least: number, script: string, ...args: string[]): Promise<void> {
    const env = { DOCKER_HOST: engine.host, TESTCONTAINERS_RYUK_DISABLED: 'true' };
    const { stdout, stderr } = await runCommand(process.execPath, [scriptOf(script), ...args], { timeoutMs: 240_000, env });
    const cases = stdout.split(/^(?=ok |FAILED )/m).filter((said) => /^(ok|FAILED) /.test(said));
    assert.ok(cases.length >= least, `${stdout}${stderr}`);
    for (const said of cases) {
      const name = /^\S+ (.*)/.exec(said)?.[1] ?? said;
      await context.test(name, () => assert.ok(said.startsWith('ok '), said));
    }
  }

  test('dockerode', { skip: whyNoClient('dockerode', '5.0.1') }, async (context) => {
    await runCases(context, 10, 'dockerode-cases.mjs', clientFile('dockerode', 'lib', 'docker.js'), engine.socket);
  });

  test('testcontainers', { skip: whyNoClient('testcontainers', '12.2.0') }, async (context) => {
    await runCases(context, 5, 'testcontainers-cases.mjs', clientFile('testcontainers', 'build', 'index.js'));
  });

  test('devcontainers', {
    skip: whyNoClient('@devcontainers/cli', '0.89.0') || (findProgram('docker') === null ? 'docker is not installed (docker-cli)' : false),
  }, async () => {
    const workspace = join(engine.root, 'workspace');
    const settings = { image: 'busybox', overrideCommand: true, containerUser: 'root', updateRemoteUserUID: false };
    mkdirSync(join(workspace, '.devcontainer'), { recursive: true });
    writeFileSync(join(workspace, '.devcontainer', 'devcontainer.json'), JSON.stringify(settings));
    writeFileSync(join(workspace, 'file'), 'content');
    const program = clientFile('@devcontainers/cli', 'devcontainer.js');
    const run = (verb: string, ...args: string[]) =>
      runCommand(process.execPath, [program, verb, '--workspace-folder', workspace, ...args], {
        timeoutMs: 120_000,
        env: { DOCKER_HOST: engine.host, PATH: `${dirname(findProgram('docker') ?? '')}:${process.env['PATH'] ?? ''}` },
      });
    const up = await run('up');
    assert.equal(up.code, 0, up.stderr);
    assert.equal((JSON.parse(up.stdout.trim().split('\n').at(-1) ?? '') as { outcome: string }).outcome, 'success');
    const shown = await run('exec', 'cat', 'file');
    assert.match(shown.stdout, /content/, shown.stderr);
  });
});
