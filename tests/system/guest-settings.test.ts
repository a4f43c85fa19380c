import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const key = (name: string): string => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB${name} ${name}@there`;

describe('keys and time zone of machines', { skip: whyNot() }, () => {
  let engine: TestEngine;
  let home = '';
  const keysOf = (path: string): Promise<string> => engine.must('exec', 'box', 'cat', `${path}/.ssh/authorized_keys`);
  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'orlop-keys-'));
    writeFileSync(join(home, 'one.pub'), `${key('one')}\n`);
    writeFileSync(join(home, 'private'), '-----BEGIN OPENSSH PRIVATE KEY-----\nhush\n');
    engine = await startEngine();
  });
  after(async () => {
    await engine[Symbol.asyncDispose]();
    rmSync(home, { recursive: true });
  });

  test('are there when it starts, owned as the machine sees its users', async () => {
    await engine.must('launch', '-q', '--ssh-key', join(home, 'one.pub'), '--set', 'timezone=Europe/Berlin', 'busybox', 'box');
    assert.match(await keysOf('/root'), /one@there/);
    assert.equal(
      await engine.must('exec', 'box', 'stat', '-c', '%u %g %a', '/root/.ssh', '/root/.ssh/authorized_keys'),
      '0 0 700\n0 0 600',
    );
    assert.equal(await engine.must('exec', 'box', 'cat', '/etc/timezone'), 'Europe/Berlin');
    assert.match(await engine.must('exec', 'box', 'date', '+%Z'), /^CES?T$/);
  });

  test('keys of a running machine change at once, and what people wrote stays', async () => {
    await engine.must(
      'exec',
      'box',
      'sh',
      '-c',
      'adduser -D -h /home/alice alice 2>/dev/null || { echo "alice:x:1000:1000::/home/alice:/bin/sh" >> /etc/passwd; mkdir -p /home/alice; chown 1000:1000 /home/alice; }',
    );
    await engine.must('exec', 'box', 'sh', '-c', 'echo "# mine" >> /root/.ssh/authorized_keys');
    await engine.must('set', 'box', `ssh.keys=${key('two')}`, `ssh.keys.alice=${key('alice')}`);
    const roots = await keysOf('/root');
    assert.match(roots, /two@there/);
    assert.match(roots, /# mine/);
    assert.doesNotMatch(roots, /one@there/);
    assert.equal(await engine.must('exec', 'box', 'stat', '-c', '%u %a', '/home/alice/.ssh/authorized_keys'), '1000 600');
    await engine.must('unset', 'box', 'ssh.keys.alice');
    assert.equal(await keysOf('/home/alice'), '');
  });

  test('a key that was taken away while it was stopped does not come back', async () => {
    await engine.must('stop', '-t', '0', 'box');
    await engine.must('unset', 'box', 'ssh.keys');
    await engine.must('start', 'box');
    assert.doesNotMatch(await keysOf('/root'), /two@there/);
    assert.match(await keysOf('/root'), /# mine/);
  });

  test('what cannot be changes nothing, and is refused in one sentence', async () => {
    const refused = async (...words: readonly string[]): Promise<string> => {
      const { code, stderr } = await engine.orlop(...words);
      assert.notEqual(code, 0, words.join(' '));
      return stderr;
    };
    assert.match(
      await refused('set', 'box', `ssh.keys.nemo=${key('nemo')}`),
      /ssh\.keys\.nemo cannot be put into box: it has no such user/,
    );
    assert.equal(await engine.must('get', 'box', 'ssh.keys.nemo'), '');
    assert.match(await refused('launch', '--ssh-key', join(home, 'private'), 'busybox'), /public keys, as in the file that ends in \.pub/);
    assert.match(await refused('launch', '--ssh-key', join(home, 'none'), 'busybox'), /cannot be read \(ENOENT\)/);
    assert.match(await refused('launch', '-q', '--set', 'timezone=Moon/Sea', 'busybox', 'moon'), /neither it nor this host knows/);
    await engine.must('template', 'build', '-q', 'busybox');
    assert.match(await refused('run', '--rm', '--set', `ssh.keys=${key('app')}`, 'busybox', 'true'), /only machines have logins/);
    assert.equal(await engine.must('run', '--rm', '--set', 'timezone=Asia/Tokyo', 'busybox', 'date', '+%Z'), 'JST');
    assert.equal(await engine.must('ps', '-aq', '--filter', 'name=moon'), '');
  });
});
