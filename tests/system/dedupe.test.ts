import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Dedupe } from '#wire';
import { runCommand, startEngine, whyNot } from './harness.ts';

const reason =
  whyNot() || (spawnSync('mkfs.btrfs', ['-V']).error === undefined ? false : 'there is no mkfs.btrfs (Debian package btrfs-progs)');

test('equal files of running and stopped containers share their blocks; each goes on with its own', { skip: reason }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-dedupe-'));
  const [image, root] = [join(directory, 'image'), join(directory, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, 512 * 1024 * 1024);
  mkdirSync(root);
  execFileSync('mkfs.btrfs', ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, root]);
  try {
    await using engine = await startEngine([], join(root, 'data'));
    await engine.must('template', 'build', 'busybox');
    const script = 'yes line | head -c 3000000 > /big; echo ready; sleep 1000';
    for (const name of ['one', 'two', 'three']) {
      await engine.must('run', '-d', '--name', name, 'busybox', 'sh', '-c', script);
      await engine.must('exec', name, 'sh', '-c', 'until [ "$(stat -c %s /big)" = 3000000 ]; do sleep 0.1; done; sync');
    }
    await engine.must('stop', '-t', '0', 'three');
    const dedupe = async (...words: string[]): Promise<Dedupe> => JSON.parse(await engine.must('dedupe', '--json', ...words)) as Dedupe;
    const first = await dedupe('one', 'two');
    assert.deepEqual([first.sharedFiles, first.savedBytes, first.apart], [1, 3_000_000, []]);
    assert.deepEqual([(await dedupe('--all')).savedBytes, (await dedupe('--all')).savedBytes], [3_000_000, 0]);
    await engine.must('exec', 'one', 'sh', '-c', 'echo changed > /big');
    const sum = (name: string): Promise<string> => engine.must('exec', name, 'sh', '-c', 'head -n 1 /big; wc -c < /big');
    await engine.must('start', 'three');
    assert.equal(await sum('one'), 'changed\n8');
    assert.equal(await sum('two'), 'line\n3000000');
    for (const words of [[], ['--all', 'one'], ['nobody']])
      assert.notEqual((await runCommand(join(import.meta.dirname, '../../bin/orlop'), ['-H', engine.host, 'dedupe', ...words])).code, 0);
    await engine.must('rm', '-f', 'one', 'two', 'three');
  } finally {
    execFileSync('umount', ['-l', root]);
    rmSync(directory, { recursive: true });
  }
});
