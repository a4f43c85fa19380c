import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '#sys';
import { startEngine, whyNot, type TestEngine } from './harness.ts';

const whyNoLxcfs = existsSync('/usr/bin/lxcfs') && existsSync('/dev/fuse') ? false : 'needs lxcfs and /dev/fuse';
const mebibyte = 2 ** 20;

/** Asks until it holds; for what happens after a death that nobody announces. */
async function eventually<T>(question: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 30_000; ; await delay(50)) {
    const answer = await question();
    if (holds(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still not so, but: ${JSON.stringify(answer)}`);
  }
}

describe('a container that is shown its limits', { skip: whyNot() || whyNoLxcfs }, () => {
  let engine: TestEngine;
  const memoryOf = async (name: string): Promise<number> => {
    const { stdout } = await engine.orlop('exec', name, 'cat', '/proc/meminfo');
    return Number(/^MemTotal:\s+(\d+) kB$/m.exec(stdout)?.[1] ?? 0) * 1024;
  };
  const lxcfsPid = (): number => Number(readFileSync(join(engine.root, 'exec/lxcfs/pid'), 'utf8'));
  const hostMemory = Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;

  before(async () => {
    engine = await startEngine();
    await engine.must('launch', 'busybox', 'box', '--set', 'limits.memory=128MiB', '--set', 'limits.cpu=1');
  });
  after(() => engine[Symbol.asyncDispose]());

  test('sees its memory, its processors and its own uptime', async () => {
    assert.equal(await memoryOf('box'), 128 * mebibyte);
    assert.equal(await engine.must('exec', 'box', 'grep', '-c', '^processor', '/proc/cpuinfo'), '1');
    assert.equal(await engine.must('exec', 'box', 'cat', '/sys/devices/system/cpu/online'), '0');
    const [up = ''] = (await engine.must('exec', 'box', 'cat', '/proc/uptime')).split(' ');
    assert.ok(Number(up) < Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) - 1 || Number(up) < 60, up);
  });

  test('sees the processors that it is kept to with nproc as well', async () => {
    await engine.must('set', 'box', 'limits.cpu=0-0');
    assert.equal(await engine.must('exec', 'box', 'nproc'), '1');
  });

  test('sees another limit as soon as it is set', async () => {
    await engine.must('set', 'box', 'limits.memory=192MiB');
    assert.equal(await memoryOf('box'), 192 * mebibyte);
  });

  test('can write to none of it, with all rights that it has', async () => {
    for (const report of ['/proc/meminfo', '/sys/devices/system/cpu/online']) {
      const { code } = await engine.orlop('exec', 'box', 'sh', '-c', `mount -o remount,bind,rw ${report} || echo 1 > ${report}`);
      assert.notEqual(code, 0, report);
    }
    assert.match(await engine.must('exec', 'box', 'grep', 'lxcfs', '/proc/self/mountinfo'), /\/proc\/meminfo ro,nosuid,nodev,noexec/);
  });

  test('may mount proc and sysfs for containers of its own nevertheless', async () => {
    await engine.must('exec', 'box', 'unshare', '-U', '-r', '-p', '-f', '-m', 'mount', '-t', 'proc', 'proc', '/proc');
    await engine.must('exec', 'box', 'unshare', '-U', '-r', '-n', '-m', 'mount', '-t', 'sysfs', 'sysfs', '/mnt');
  });

  test('is a machine, unless an app asks for it', async () => {
    const run = (...flags: string[]): Promise<string> =>
      engine.must('run', '--rm', '-m', '64m', ...flags, 'busybox', 'grep', 'MemTotal', '/proc/meminfo');
    assert.match(await run('--set', 'limits.visible=true'), /^MemTotal:\s+65536 kB$/);
    assert.match(await run(), new RegExp(`^MemTotal:\\s+${hostMemory / 1024} kB$`));
    await engine.must('launch', 'busybox', 'blind', '--set', 'limits.memory=64MiB', '--set', 'limits.visible=false');
    assert.equal(await memoryOf('blind'), hostMemory);
    await engine.must('rm', '-f', 'blind');
  });

  test('sees them again after lxcfs has died', async () => {
    const before = lxcfsPid();
    process.kill(before, 'SIGKILL');
    await eventually(
      () => memoryOf('box'),
      (bytes) => bytes === 192 * mebibyte && lxcfsPid() !== before,
    );
  });

  test('holds up neither the engine nor itself when lxcfs does not answer, and sees them again', async () => {
    const before = lxcfsPid();
    process.kill(before, 'SIGSTOP');
    const reading = engine.orlop('exec', 'box', 'cat', '/proc/meminfo');
    const startedAt = Date.now();
    await engine.must('launch', 'busybox', 'other');
    await engine.must('run', '--rm', 'busybox', 'true');
    await engine.must('ps');
    await engine.must('stop', '-t', '1', 'other');
    assert.ok(Date.now() - startedAt < 15_000, `${Date.now() - startedAt} ms`);
    await reading;
    await eventually(
      () => memoryOf('box'),
      (bytes) => bytes === 192 * mebibyte && lxcfsPid() !== before,
    );
    assert.equal(isAlive(before), false);
    await engine.must('rm', 'other');
  });

  test('is ended, and its files looked at, while lxcfs does not answer', async () => {
    await engine.must('launch', 'busybox', 'other');
    const stopped = async (work: () => Promise<unknown>): Promise<void> => {
      const before = lxcfsPid();
      process.kill(before, 'SIGSTOP');
      await work();
      await eventually(
        () => memoryOf('box'),
        (bytes) => bytes === 192 * mebibyte && lxcfsPid() !== before,
      );
    };
    await stopped(async () => {
      const copying = engine.orlop('cp', 'other:/proc/meminfo', '-');
      await engine.must('ps');
      await copying;
    });
    // Who waits for an answer is not even killed.
    await stopped(() => Promise.all([engine.orlop('exec', 'other', 'cat', '/proc/meminfo'), engine.must('rm', '-f', 'other')]));
  });

  test('takes the place of one that does not answer when an engine begins', async () => {
    const before = lxcfsPid();
    await engine.kill();
    process.kill(before, 'SIGSTOP');
    await engine.start();
    assert.deepEqual([lxcfsPid() === before, isAlive(before), await memoryOf('box')], [false, false, 192 * mebibyte]);
  });

  test('keeps its view over the death of the engine, and gets it back if lxcfs died meanwhile', async () => {
    const before = lxcfsPid();
    await engine.kill();
    await engine.start();
    assert.deepEqual([lxcfsPid(), await memoryOf('box')], [before, 192 * mebibyte]);
    await engine.kill();
    process.kill(before, 'SIGKILL');
    await engine.start();
    assert.deepEqual([lxcfsPid() === before, await memoryOf('box')], [false, 192 * mebibyte]);
  });

  test('keeps it while a stopped engine leaves it running, and with its end the last engine ends lxcfs', async () => {
    await engine.stop();
    assert.ok(isAlive(lxcfsPid()));
    await engine.start();
    assert.equal(await memoryOf('box'), 192 * mebibyte);
    await engine.must('rm', '-f', 'box');
    const last = lxcfsPid();
    await engine.stop();
    assert.equal(isAlive(last), false);
    assert.equal(existsSync(join(engine.root, 'exec/lxcfs')), false);
    await engine.start();
  });

  test('sees the figures of the host when no other lxcfs can be started', async () => {
    const programs = mkdtempSync(join(tmpdir(), 'orlop-programs-'));
    const program = join(programs, 'lxcfs');
    symlinkSync('/usr/bin/lxcfs', program);
    await using other = await startEngine([], undefined, { PATH: `${programs}:${process.env['PATH'] ?? ''}` });
    await other.must('launch', 'busybox', 'box', '--set', 'limits.memory=64MiB');
    const total = (): Promise<string> => other.orlop('exec', 'box', 'grep', 'MemTotal', '/proc/meminfo').then(({ stdout }) => stdout);
    assert.match(await total(), /\b65536 kB/);
    rmSync(programs, { recursive: true });
    process.kill(Number(readFileSync(join(other.root, 'exec/lxcfs/pid'), 'utf8')), 'SIGKILL');
    await eventually(total, (answer) => answer.includes(`${hostMemory / 1024} kB`));
    await other.must('run', '--rm', 'busybox', 'true');
    await other.must('launch', 'busybox', 'later');
  });
});
