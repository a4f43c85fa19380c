import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Dedupe } from '#wire';
import { eventually, runCommand, startEngine, type TestEngine, whyNot } from './harness.ts';

const packages = { btrfs: 'btrfs-progs', ext4: 'e2fsprogs' };
const without = (type: keyof typeof packages): string | false =>
  whyNot() ||
  (spawnSync(`mkfs.${type}`, ['-V']).error === undefined ? false : `there is no mkfs.${type} (Debian package ${packages[type]})`);

async function onDisk(type: keyof typeof packages, work: (engine: TestEngine) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-dedupe-'));
  const [image, root] = [join(directory, 'image'), join(directory, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, 512 * 1024 * 1024);
  mkdirSync(root);
  execFileSync(`mkfs.${type}`, ['-q', image]);
  execFileSync('mount', ['-o', 'loop', image, root]);
  try {
    await using engine = await startEngine([], join(root, 'data'));
    await engine.must('template', 'build', 'busybox');
    await work(engine);
  } finally {
    execFileSync('umount', ['-l', root]);
    rmSync(directory, { recursive: true });
  }
}

const dedupe = async (engine: TestEngine, ...words: string[]): Promise<Dedupe> =>
  JSON.parse(await engine.must('dedupe', '--json', ...words)) as Dedupe;

test('equal files of running and stopped containers share their blocks; each goes on with its own', { skip: without('btrfs') }, () =>
  onDisk('btrfs', async (engine) => {
    const script = 'yes line | head -c 3000000 > /big; echo ready; sleep 1000';
    for (const name of ['one', 'two', 'three']) {
      await engine.must('run', '-d', '--name', name, 'busybox', 'sh', '-c', script);
      await engine.must('exec', name, 'sh', '-c', 'until [ "$(stat -c %s /big)" = 3000000 ]; do sleep 0.1; done; sync');
    }
    await engine.must('stop', '-t', '0', 'three');
    const first = await dedupe(engine, 'one', 'two');
    assert.deepEqual([first.sharedFiles, first.savedBytes, first.apart, first.way], [1, 3_000_000, [], 'blocks']);
    assert.deepEqual([(await dedupe(engine, '--all')).savedBytes, (await dedupe(engine, '--all')).savedBytes], [3_000_000, 0]);
    await engine.must('exec', 'one', 'sh', '-c', 'echo changed > /big');
    const sum = (name: string): Promise<string> => engine.must('exec', name, 'sh', '-c', 'head -n 1 /big; wc -c < /big');
    await engine.must('start', 'three');
    assert.equal(await sum('one'), 'changed\n8');
    assert.equal(await sum('two'), 'line\n3000000');
    for (const words of [[], ['--all', 'one'], ['nobody']])
      assert.notEqual((await runCommand(join(import.meta.dirname, '../../bin/orlop'), ['-H', engine.host, 'dedupe', ...words])).code, 0);
    await engine.must('rm', '-f', 'one', 'two', 'three');
  }),
);

test(
  'where blocks cannot be shared, equal files of stopped containers become one, and each goes on with its own',
  { skip: without('ext4') },
  () =>
    onDisk('ext4', async (engine) => {
      const script = '[ -e /big ] || { yes line | head -c 3000000 > /big; touch -d @1700000000 /big; }; sync; echo ready; exec sleep 1000';
      for (const name of ['one', 'two', 'three']) {
        await engine.must('run', '-d', '--name', name, 'busybox', 'sh', '-c', script);
        await eventually(
          () => engine.must('logs', name),
          (log) => log === 'ready',
        );
      }
      await engine.must('stop', '-t', '0', 'one', 'two');
      const used = (): number => Number(execFileSync('du', ['-s', '-B1', engine.dataRoot], { encoding: 'utf8' }).split('\t')[0]);
      const before = used();
      const first = await dedupe(engine, '--all');
      assert.deepEqual([first.sharedFiles, first.way, first.running], [1, 'links', ['three']]);
      assert.ok(first.savedBytes >= 3_000_000 && first.savedBytes < 3_010_000, `${first.savedBytes}`);
      // A copy's directories take a little.
      assert.ok(before - used() > first.savedBytes - 200_000, 'so much is free now');
      await engine.must('stop', '-t', '0', 'three');
      assert.match(await engine.must('dedupe', '--all'), /^1 of \d+ files are one with others now: .* saved, and .* in memory$/);
      assert.equal((await dedupe(engine, '--all')).savedBytes, 0);
      await engine.must('start', 'one', 'two', 'three');
      await engine.must('exec', 'one', 'sh', '-c', 'echo changed >> /big');
      const sum = (name: string): Promise<string> => engine.must('exec', name, 'sh', '-c', 'tail -n 1 /big; wc -c < /big');
      assert.deepEqual(await Promise.all(['one', 'two', 'three'].map(sum)), ['changed\n3000008', 'line\n3000000', 'line\n3000000']);
      await engine.must('exec', 'two', 'rm', '/big');
      assert.equal(await sum('three'), 'line\n3000000');
      await engine.must('rm', '-f', 'one', 'two');
      assert.equal(await sum('three'), 'line\n3000000');
      await engine.must('rm', '-f', 'three');
    }),
);
