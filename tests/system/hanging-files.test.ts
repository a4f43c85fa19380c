import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
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

  test('is listed and copied around, and named to who asks for what is in it', async () => {
    assert.match(await engine.must('file', 'ls', 'box/'), /^d---------.* slow$/m);
    const { code, stderr } = await engine.orlop('file', 'ls', 'box/slow');
    assert.notEqual(code, 0);
    assert.match(stderr, /\/slow in container box is closed to the engine/);
    await inside('mkdir -p /srv/mounted; echo kept > /srv/file; hanging-fuse /srv/mounted > /dev/null');
    await engine.must('cp', 'box:/srv', engine.root);
    assert.equal(readFileSync(join(engine.root, 'srv/file'), 'utf8'), 'kept\n');
  });

  test('holds up nobody but who asks for what is in it, whoever mounted it once more', async () => {
    // What is mounted over it lets the engine in.
    await inside('mkdir /over; mount -t overlay over -o lowerdir=/slow:/etc /over; cat /over/file > /dev/null; kill -USR1 $(cat /server)');
    const held = Array.from({ length: 6 }, () => engine.orlop('file', 'ls', 'box/over'));
    held.push(engine.orlop('cp', 'box:/over', engine.root), engine.orlop('file', 'push', '/etc/hostname', 'box/over/x'));
    assert.match(await engine.must('ps'), /box/);
    assert.match(await engine.must('file', 'pull', 'box/etc/hostname', '-'), /box/);
    assert.equal(await inside('echo here'), 'here');
    for (const { code, stderr } of await Promise.all(held)) {
      assert.notEqual(code, 0);
      assert.match(stderr, /over.* in container box does not answer|status 504/);
    }
    await engine.must('rm', '-f', 'box');
  });

  test('holds up no engine that is to listen in it for a proxy', async () => {
    await inside('mkdir /over; mount -t overlay over -o lowerdir=/slow:/etc /over; cat /over/file > /dev/null; kill -USR1 $(cat /server)');
    const proxy = (path: string): string[] => ['proxy', `listen=unix:${path}`, 'connect=tcp:127.0.0.1:9', 'bind=container'];
    const held = engine.orlop('device', 'add', 'box', 'held', ...proxy('/over/x/p.sock'));
    assert.match(await engine.must('ps'), /box/);
    assert.equal(await inside('echo here'), 'here');
    assert.match((await held).stderr, /over.* in container box does not answer/);
    await engine.must('device', 'add', 'box', 'free', ...proxy('/run/p.sock'));
    assert.match(await inside('ls -l /run/p.sock'), /^srw-r--r-- +1 root +root /);
    await engine.must('rm', '-f', 'box');
  });

  test('holds up nobody when it is where the engine looks for users', async () => {
    await inside('mkdir /over; mount -t overlay over -o lowerdir=/slow:/etc /over; mount --bind /over /etc; kill -USR1 $(cat /server)');
    const exec = engine.orlop('exec', 'box', 'true');
    assert.match(await engine.must('ps'), /box/);
    assert.match((await exec).stderr, /\/etc\/passwd and \/etc\/group cannot be read: nothing has come in 10 s/);
    await engine.must('rm', '-f', 'box');
  });
});
