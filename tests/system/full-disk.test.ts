import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const image = 'busybox';
const diskMib = 16;
const [major = 0, minor = 0] = release().split('.').map(Number);
const isUnmappable = major < 6 || (major === 6 && minor < 3) ? 'a tmpfs can be mounted with mapped owners since Linux 6.3' : false;

describe('a full disk', { skip: whyNot() }, () => {
  const disk = mkdtempSync(join(tmpdir(), 'orlop-disk-'));
  let engine: TestEngine;
  before(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMib}m`, 'orlop-test', disk]);
    engine = await startEngine([], join(disk, 'data'));
    await engine.must('template', 'build', 'busybox');
  });
  after(async () => {
    try {
      await engine[Symbol.asyncDispose]();
    } finally {
      execFileSync('umount', ['-l', disk]);
      rmSync(disk, { recursive: true });
    }
  });

  /** A root tar bigger than the disk, which a stream can make without space of its own. */
  const importTooMuch = () => engine.orlopWith({ timeoutMs: 120_000 }, 'import', join(engine.root, 'big.tar'), 'too/big:1');

  test('while unpacking: one sentence that names it, and nothing stays', async () => {
    const source = join(engine.root, 'big');
    mkdirSync(source);
    execFileSync('sh', ['-c', `head -c ${diskMib * 2}M /dev/urandom > ${source}/file && tar -C ${source} -cf ${engine.root}/big.tar .`]);
    const free = statfsSync(disk).bfree;
    const outcome = await importTooMuch();
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /full|space/i);
    assert.equal(outcome.stderr.trim().split('\n').length <= 2, true, outcome.stderr);
    assert.doesNotMatch(await engine.must('images'), /too\/big/);
    assert.deepEqual(readdirSync(join(engine.dataRoot, 'ingest')), []);
    assert.ok(statfsSync(disk).bfree >= free - 64, 'blocks stay used');
  });

  test('under a container: its writes fail, it goes on, and so does the engine', { skip: isUnmappable }, async () => {
    const script = 'dd if=/dev/zero of=/fill bs=64k 2>/dev/null; echo full; rm /fill; echo freed';
    assert.equal(await engine.must('run', '--rm', image, 'sh', '-c', script), 'full\nfreed');
  });

  test('when a container ends: its end is told, and it can go', { skip: isUnmappable }, async () => {
    const outcome = await engine.orlop('run', '--rm', image, 'sh', '-c', 'dd if=/dev/zero of=/fill bs=64k 2>/dev/null; exit 3');
    assert.equal(outcome.code, 3, outcome.stderr);
    const kept = await engine.orlop('run', '--name', 'filled', image, 'sh', '-c', 'dd if=/dev/zero of=/fill bs=64k 2>/dev/null; exit 4');
    assert.equal(kept.code, 4, kept.stderr);
    assert.match(await engine.must('ps', '-a'), /Exited \(4\)/);
    await engine.must('rm', 'filled');
    assert.equal(await engine.must('run', '--rm', image, 'echo', 'again'), 'again');
  });

  test('in the middle of a build: it says so, nothing half-made stays, and what was finished is used again', {
    skip: isUnmappable,
  }, async () => {
    const directory = mkdtempSync(join(engine.root, 'context-'));
    const build = (file: string): ReturnType<TestEngine['orlop']> => {
      writeFileSync(join(directory, 'Dockerfile'), `FROM busybox\nRUN echo first > /first\n${file}`);
      return engine.orlopWith({ timeoutMs: 60_000 }, 'build', '--network', 'none', '--progress', 'plain', '-t', 'made:1', directory);
    };
    const fills = await build('RUN dd if=/dev/zero of=/fill bs=64k\n');
    assert.equal(fills.code, 1);
    assert.match(fills.stderr, /No space left on device/);
    execFileSync('sh', ['-c', `head -c ${diskMib + 4}M /dev/urandom > ${directory}/big`]);
    const sent = await build('COPY big /\n');
    assert.equal(sent.code, 1);
    assert.match(sent.stderr, /full|space/i);
    execFileSync('sh', ['-c', `head -c ${Math.floor(diskMib * 0.6)}M /dev/urandom > ${directory}/big`]);
    const copied = await build('COPY big /\n');
    assert.equal(copied.code, 1);
    assert.match(copied.stderr, /full|space/i);
    rmSync(join(directory, 'big'));
    assert.doesNotMatch(await engine.must('images'), /made/);
    assert.deepEqual(readdirSync(join(engine.dataRoot, 'ingest')), []);
    const last = await build('RUN cat /first\n');
    assert.equal(last.code, 0, last.stderr);
    assert.match(last.stderr, /RUN echo first > \/first\n(?:#\d+ .*\n|\n)*?#\d+ CACHED/);
    assert.equal(await engine.must('ps', '-aq'), '');
    await engine.must('rmi', 'made:1');
    await engine.must('builder', 'prune', '-af');
  });

  test('under the log: the process is not stalled', { skip: isUnmappable }, async () => {
    const script = 'dd if=/dev/zero of=/fill bs=4k 2>/dev/null; seq 1 20000; rm /fill; exit 3';
    const outcome = await engine.orlop('run', '--rm', image, 'sh', '-c', script);
    assert.equal(outcome.code, 3);
    assert.ok(outcome.stdout.endsWith('20000\n'));
  });

  test('under a snapshot: a running container goes on without it, and a stopped one needs no space', { skip: isUnmappable }, async () => {
    const script =
      'i=0; while dd if=/dev/zero of=/fill$i bs=1M count=1 2>/dev/null; do i=$((i+1)); done; rm /fill0 /fill1; echo ready; trap "exit 0" TERM; while :; do sleep 0.1; done';
    await engine.must('run', '-d', '--name', 'heavy', image, 'sh', '-c', script);
    while (!(await engine.must('logs', 'heavy')).includes('ready')) await delay(50);
    const outcome = await engine.orlop('snapshot', 'heavy', 'one');
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /full|space/i);
    assert.equal(await engine.must('snapshots', '-q', 'heavy'), '');
    assert.equal(await engine.must('exec', 'heavy', 'echo', 'alive'), 'alive', 'it is not left frozen');
    assert.deepEqual(readdirSync(join(engine.dataRoot, 'ingest')), []);
    await engine.must('stop', 'heavy');
    assert.equal(await engine.must('snapshot', 'heavy', 'one'), 'one');
    await engine.must('restore', 'heavy', 'one');
    const { problems } = JSON.parse(await engine.must('system', 'check', '--json', '--quick')) as { problems: unknown[] };
    assert.deepEqual(problems, []);
    await engine.must('rm', 'heavy');
  });
});
