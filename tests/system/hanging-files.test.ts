import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { findProgram } from '../clients/engine-home.ts';
import { eventually, runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';

const whyNotNow = whyNot() || (findProgram('cc') === null ? 'needs a C compiler' : existsSync('/dev/fuse') ? false : 'needs /dev/fuse');

describe('a machine whose own file system in user space does not answer', { skip: whyNotNow }, () => {
  let engine: TestEngine;
  let program: string;

  before(async () => {
    engine = await startEngine();
    program = join(engine.root, 'hanging-fuse');
    const source = join(import.meta.dirname, 'hanging-fuse.c');
    const { code, stderr } = await runCommand('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-pthread', '-o', program, source]);
    assert.equal(code, 0, stderr);
    await engine.must('template', 'build', '-q', 'busybox/system');
  });
  after(async () => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    await engine.orlop('rm', '-f', 'box');
    await engine.must('launch', 'busybox/system', 'box');
    await engine.must('file', 'push', program, 'box/bin/hanging-fuse');
    await inside('mkdir /slow; hanging-fuse /slow > /server; cat /slow/file > /dev/null');
  });

  const inside = (script: string): Promise<string> => engine.must('exec', 'box', 'sh', '-c', script);
  /** Its threads wait for answers of each other: no signal ends them. */
  const makeUnkillable = async (): Promise<void> => {
    await inside('kill -USR2 $(cat /server); cat /slow/other > /dev/null 2>&1 &');
    await eventually(
      () => inside('cat /proc/$(cat /server)/task/*/wchan; echo'),
      (text) => text.split('request_wait_answer').length === 3,
    );
  };
  const status = (): Promise<string> => engine.must('inspect', '-f', '{{.State.Status}}', 'box');

  test('is ended and removed, although no signal ends what waits', async () => {
    await makeUnkillable();
    await engine.must('stop', '-t', '1', 'box');
    assert.equal(await status(), 'exited');
    await engine.must('start', 'box');
    assert.equal(await status(), 'running');
    await engine.must('rm', '-f', 'box');
  });

  test('is not left half frozen by a pause that fails, and the failure says why', async () => {
    await makeUnkillable();
    const { code, stderr } = await engine.orlop('pause', 'box');
    assert.notEqual(code, 0);
    assert.match(stderr, /did not freeze: a process in it waits for a disk, or for a file system that does not answer/);
    assert.equal(await status(), 'running');
    assert.equal(await inside('echo thawed'), 'thawed');
  });
});
