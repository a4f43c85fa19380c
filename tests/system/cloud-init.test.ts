import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const userData = '#cloud-config\nruncmd: [[touch, /ran]]\n';

/** A machine of busybox with a file in cloud-init's place: what the engine tells it, without what it would make of it. */
describe("the seed of a machine's cloud-init", { skip: whyNot() }, () => {
  let engine: TestEngine;
  const seed = (machine: string, file: string): Promise<string> =>
    engine.must('exec', machine, 'cat', `/var/lib/cloud/seed/nocloud/${file}`);
  const instanceOf = async (machine: string): Promise<string> =>
    (JSON.parse(await seed(machine, 'meta-data')) as Record<string, string>)['instance-id'] ?? '';

  before(async () => {
    engine = await startEngine();
    await engine.must('launch', 'busybox', 'plain');
    await engine.must('exec', 'plain', 'sh', '-c', 'mkdir -p /usr/bin && touch /usr/bin/cloud-init && chmod 755 /usr/bin/cloud-init');
    await engine.must('stop', 'plain');
    await engine.must('commit', 'plain', 'with-cloud-init');
    await engine.must('rm', 'plain');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('has what was given at launch, and is not in its layer', async () => {
    const files = { 'user-data': userData, 'meta-data': 'role: db\n', 'network-config': 'version: 2\n' };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(engine.root, name), text);
    const flags = Object.keys(files).flatMap((name) => [`--${name}`, join(engine.root, name)]);
    await engine.must('launch', ...flags, 'with-cloud-init', 'one');
    assert.equal(await seed('one', 'user-data'), userData.trimEnd());
    assert.equal(await seed('one', 'network-config'), 'version: 2');
    const meta = JSON.parse(await seed('one', 'meta-data')) as Record<string, string>;
    assert.deepEqual([meta['local-hostname'], meta['role']], ['one', 'db']);
    assert.equal((await engine.orlop('exec', 'one', 'sh', '-c', 'echo x > /var/lib/cloud/seed/nocloud/user-data')).code, 1);
    await engine.must('stop', 'one');
    await engine.must('commit', 'one', 'published');
    assert.equal(await engine.must('run', '--rm', 'published', 'ls', '/var/lib/cloud/seed/nocloud'), '');
    await engine.must('start', 'one');
  });

  test('names the same instance over a restart and under another name, and another one for other data and for a copy', async () => {
    const first = await instanceOf('one');
    await engine.must('rename', 'one', 'renamed');
    await engine.must('restart', 'renamed');
    assert.equal(await instanceOf('renamed'), first);
    await engine.must('copy', 'renamed', 'two');
    await engine.must('start', 'two');
    assert.notEqual(await instanceOf('two'), first);
    assert.equal(await seed('two', 'user-data'), userData.trimEnd());
    await engine.must('set', 'renamed', 'cloud-init.user-data=#cloud-config\n{}\n');
    assert.equal(await instanceOf('renamed'), first);
    await engine.must('restart', 'renamed');
    assert.notEqual(await instanceOf('renamed'), first);
  });

  test('cannot be what no cloud-init can read, or be for a machine without one or for an app', async () => {
    const set = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await engine.orlop(...args);
      assert.notEqual(code, 0, args.join(' '));
      return stderr;
    };
    assert.match(await set('set', 'two', 'cloud-init.user-data=#cloud-config\na: [\n'), /cloud-init\.user-data cannot be used: .* line \d/);
    assert.match(await set('launch', '--user-data', '/no/such/file', 'busybox'), /--user-data: ENOENT/);
    const none = await set('launch', '--set', 'cloud-init.user-data=#!/bin/sh', 'busybox', 'three');
    assert.match(none, /three has cloud-init\.user-data, but no cloud-init to read it\nhint: launch a template's cloud variant/);
    assert.match(await set('create', '--set', 'cloud-init.user-data=#!/bin/sh', 'busybox'), /is for machines/);
  });
});
