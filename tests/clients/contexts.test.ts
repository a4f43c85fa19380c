import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectRoot, runCommand, startEngine, whyNot, type Outcome, type TestEngine } from '../system/harness.ts';
import { findProgram } from './engine-home.ts';

describe('contexts', { skip: whyNot() }, () => {
  let engine: TestEngine;
  const home = mkdtempSync(join(tmpdir(), 'orlop-contexts-'));
  const env = { HOME: home, XDG_CONFIG_HOME: '', ORLOP_HOST: '', ORLOP_CONTEXT: '', DOCKER_CONFIG: join(home, '.docker'), DOCKER_HOST: '' };
  const orlop = (...words: string[]): Promise<Outcome> => runCommand(join(projectRoot, 'bin/orlop'), words, { env });
  const must = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await orlop(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  before(async () => {
    engine = await startEngine();
  });
  after(async () => {
    await engine?.[Symbol.asyncDispose]();
    rmSync(home, { recursive: true });
  });

  test('lead to the engine that they name, until they are removed', async () => {
    assert.equal(await must('context', 'create', 'mine', '--docker', `host=${engine.host}`, '--description', 'for tests'), 'mine');
    assert.equal(await must('--context', 'mine', 'volume', 'create', 'kept'), 'kept');
    assert.equal(await must('context', 'use', 'mine'), 'mine');
    assert.equal(await must('volume', 'ls', '-q'), 'kept');
    assert.match(await must('context', 'ls'), /^mine \* +for tests +unix:/m);
    assert.equal(await must('context', 'show'), 'mine');
    const busy = await orlop('context', 'rm', 'mine');
    assert.deepEqual([busy.code, busy.stderr.startsWith('orlop: context "mine" is in use')], [1, true], busy.stderr);
    assert.match((await orlop('context', 'create', 'mine')).stderr, /^orlop: context "mine" already exists/);
    await must('context', 'rm', '-f', 'mine');
    assert.equal(await must('context', 'show'), 'default');
    const gone = await orlop('--context', 'mine', 'ps');
    assert.deepEqual([gone.code, gone.stderr.startsWith('orlop: context "mine" does not exist')], [1, true], gone.stderr);
  });

  test("travel in files that docker's command line writes and reads, too", {
    skip: findProgram('docker') === null ? 'docker is not installed' : false,
  }, async () => {
    const docker = (...words: string[]): Promise<Outcome> => runCommand('docker', words, { env });
    const [ours, theirs] = [join(home, 'ours'), join(home, 'theirs')];
    await must('context', 'create', 'sent', '--docker', `host=${engine.host}`);
    await must('context', 'export', 'sent', ours);
    assert.equal((await orlop('context', 'export', 'sent', ours)).code, 1);
    const taken = await docker('context', 'import', 'taken', ours);
    assert.equal(taken.code, 0, taken.stderr);
    assert.equal((await docker('--context', 'taken', 'volume', 'create', 'by-docker')).stdout, 'by-docker\n');
    const back = await docker('context', 'export', 'taken', theirs);
    assert.equal(back.code, 0, back.stderr);
    await must('context', 'import', 'back', theirs);
    assert.match(await must('--context', 'back', 'volume', 'ls', '-q'), /^by-docker$/m);
    assert.equal((await orlop('context', 'import', 'none', '/etc/passwd')).code, 1);
    assert.equal(await must('context', 'ls', '-q'), 'default\nback\nsent');
  });
});
