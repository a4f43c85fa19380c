import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openOwnRegistry } from '../clients/own-registry.ts';
import { runCommand, startEngine, whyNot, type TestEngine } from './harness.ts';

describe('images of one kind and containers of the other', { skip: whyNot() }, () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await engine.must('template', 'build', '-q', 'busybox');
    // Of apps, by what they say: they have no label of a machine.
    for (const [name, path] of [
      ['with-init', 'sbin/init'],
      ['without', 'bin/program'],
    ] as const) {
      const root = join(engine.root, name);
      for (const directory of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev']) mkdirSync(join(root, directory), { recursive: true });
      cpSync('/bin/busybox', join(root, path));
      cpSync('/bin/busybox', join(root, 'bin/sh'));
      assert.equal((await runCommand('tar', ['-C', root, '-cf', `${root}.tar`, '.'])).code, 0);
      await engine.must('import', '-c', 'CMD ["/bin/sh", "-c", "echo an app"]', `${root}.tar`, `${name}:1`);
    }
  });
  after(() => engine[Symbol.asyncDispose]());

  test('an image for apps that has an init is launched by it, and is an app when it is run', async () => {
    assert.equal(await engine.must('run', '--rm', '--network', 'none', 'with-init:1'), 'an app');
    assert.equal(await engine.must('launch', 'with-init:1', 'machine'), 'machine');
    assert.match(await engine.must('exec', 'machine', '/bin/sh', '-c', 'read -r name < /proc/1/comm; echo $name'), /^init$/);
    assert.equal(await engine.must('inspect', '-f', '{{.Path}} {{index .Config.Labels "orlop.kind"}}', 'machine'), '/sbin/init system');
    await engine.must('stop', 'machine');
    assert.equal(await engine.must('inspect', '-f', '{{.State.ExitCode}}', 'machine'), '0', 'by the signal of its init');
    await engine.must('copy', 'machine', 'twin', '--start');
    assert.match(await engine.must('exec', 'twin', '/bin/sh', '-c', 'read -r name < /proc/1/comm; echo $name'), /^init$/);
    await engine.must('rm', '-f', 'machine', 'twin');
  });

  test('an image without an init makes no machine, and says what it is for', async () => {
    const { code, stderr } = await engine.orlop('launch', 'without:1', 'none');
    assert.notEqual(code, 0);
    assert.match(stderr, /image without:1 has no init that could run a machine\nhint: it is for app containers: orlop run without:1/);
    assert.equal(await engine.must('ps', '-aq'), '');
  });

  test('an image of a machine runs a program as an app, and says so when it is to run its init', async () => {
    assert.equal(await engine.must('run', '--rm', '--network', 'none', 'busybox:system', 'echo', 'an app'), 'an app');
    const { code, stderr } = await engine.orlop('create', '--name', 'strange', 'busybox:system');
    assert.equal(code, 0);
    assert.match(stderr, /busybox:system is an image of a machine.*orlop launch busybox:system/);
    await engine.must('rm', 'strange');
  });

  test('a machine is published, pushed to a registry, and launched from there by another engine', async () => {
    await using registry = await openOwnRegistry();
    await using other = await startEngine();
    await engine.must('launch', 'busybox', 'box');
    await engine.must('exec', 'box', 'sh', '-c', 'echo mine > /srv; chown 5:6 /srv; mkdir /empty; rm /etc/group');
    const name = `${registry.host}/machines/box:1`;
    await engine.must('publish', 'box', name);
    await engine.must('push', '-q', name);
    await other.must('pull', '-q', name);
    assert.equal(await other.must('launch', name, 'far'), 'far');
    const look = 'cat /srv; stat -c %u:%g /srv; ls -d /empty; ls /etc/group 2>/dev/null || echo gone; hostname';
    assert.equal(await other.must('exec', 'far', 'sh', '-c', look), 'mine\n5:6\n/empty\ngone\nfar');
    await other.must('stop', 'far');
    assert.equal(await other.must('inspect', '-f', '{{.State.ExitCode}}', 'far'), '0');
    assert.equal(
      await other.must('inspect', '--type', 'image', '-f', '{{.Id}}', name),
      await engine.must('inspect', '--type', 'image', '-f', '{{.Id}}', name),
    );
    await engine.must('rm', '-f', 'box');
  });
});
