import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, startEngine, whyNot, type TestEngine } from './harness.ts';

/** Counts upwards, and tells how far it is where no log is involved. */
const counter =
  'trap "echo bye; exit 3" TERM; i=0; while true; do i=$((i + 1)); echo line $i; [ $((i % 100)) = 0 ] && echo $i >/n && sleep 0.005; done';

function whyNoDisk(): string | false {
  if (spawnSync('mkfs.ext4', ['-V'], { stdio: 'ignore' }).error !== undefined) return 'needs mkfs.ext4';
  return existsSync('/dev/loop-control') ? false : 'needs loop devices';
}

interface Disk {
  readonly root: string;
  freeze(): void;
  thaw(): void;
  close(): void;
}

/** A small ext4 of its own that can be frozen. */
function openDisk(): Disk {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-stuck-'));
  const [image, root] = [join(directory, 'image'), join(directory, 'disk')];
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 * 1024);
  mkdirSync(root);
  const run = (file: string, ...argv: string[]): void => void execFileSync(file, argv, { stdio: 'pipe', timeout: 20_000 });
  try {
    run('mkfs.ext4', '-q', image);
    run('mount', '-o', 'loop', image, root);
  } catch (error) {
    rmSync(directory, { recursive: true });
    throw error;
  }
  let frozen = false;
  const thaw = (): void => {
    if (frozen) run('fsfreeze', '-u', root);
    frozen = false;
  };
  return {
    root,
    freeze() {
      run('fsfreeze', '-f', root);
      frozen = true;
    },
    thaw,
    close() {
      thaw();
      run('umount', '-l', root);
      rmSync(directory, { recursive: true });
    },
  };
}

describe('a disk under the log that is stuck', { skip: whyNot() || whyNoDisk() }, () => {
  let disk: Disk;
  let engine: TestEngine;
  const covered: string[] = [];
  before(async () => {
    disk = openDisk();
    engine = await startEngine();
    await engine.must('template', 'build', 'busybox');
  });
  after(async () => {
    disk.thaw();
    await engine.orlop('kill', 'held', 'free');
    for (const directory of covered) execFileSync('umount', ['-l', directory]);
    try {
      await engine[Symbol.asyncDispose]();
    } finally {
      disk.close();
    }
  });

  /** A container whose log lies on the disk. */
  const start = async (name: string, ...flags: string[]): Promise<void> => {
    const id = await engine.must('create', '--name', name, '--network', 'none', ...flags, 'busybox', 'sh', '-c', counter);
    const logs = join(engine.dataRoot, 'containers', id, 'logs');
    mkdirSync(join(disk.root, name));
    execFileSync('mount', ['--bind', join(disk.root, name), logs]);
    covered.push(logs);
    await engine.must('start', name);
    await lineOf(name, 1000);
  };
  /** How far it is, once that is at least so far. */
  const lineOf = async (name: string, least: number): Promise<number> =>
    Number(
      await eventually(
        () => engine.must('exec', name, 'cat', '/n').catch(() => '0'),
        (said) => Number(said) >= least,
      ),
    );
  const linesOf = async (name: string): Promise<string[]> => (await engine.must('logs', name)).split('\n');

  test('holds a container up, but not one whose log is non-blocking, whatever happens to the engine', { timeout: 120_000 }, async () => {
    const buffered = ['--log-opt', 'mode=non-blocking', '--log-opt', 'max-buffer-size=64k', '--log-opt', 'max-file=5'];
    await start('held');
    await start('free', ...buffered);
    assert.deepEqual(JSON.parse(await engine.must('inspect', '-f', '{{json .HostConfig.LogConfig}}', 'free')), {
      Type: 'json-file',
      Config: { mode: 'non-blocking', 'max-buffer-size': '64k', 'max-file': '5' },
    });
    disk.freeze();
    const [held, free] = [await lineOf('held', 0), await lineOf('free', 0)];
    await lineOf('free', free + 20_000);
    await engine.kill();
    await engine.start();
    await lineOf('free', free + 50_000);
    // It wrote until the pipe was full, and waits since.
    assert.ok((await lineOf('held', 0)) < held + 20_000);
    disk.thaw();
    const thawed = await lineOf('free', 0);
    await lineOf('free', thawed + 2000);
    await lineOf('held', held + 20_000);
    for (const name of ['held', 'free']) {
      await engine.must('stop', '-t', '20', name);
      assert.equal(await engine.must('inspect', '-f', '{{.State.ExitCode}}', name), '3');
    }
    const lines = await linesOf('free');
    assert.equal(lines.pop(), 'bye');
    const numbers = lines.map((line) => Number(/^line (\d+)$/.exec(line)?.[1]));
    // Those of before and after are there, in order; some of those in between are not.
    numbers.forEach((number, index) =>
      assert.ok(index === 0 || number > (numbers[index - 1] ?? 0), `${number} after ${numbers[index - 1]}`),
    );
    assert.ok((numbers.at(-1) ?? 0) >= thawed + 2000);
    assert.ok((numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1 > numbers.length, 'some were dropped');
    const kept = await linesOf('held');
    assert.equal(kept.pop(), 'bye');
    kept.forEach((line, index) => assert.equal(Number(line.slice(5)), Number(kept[0]?.slice(5)) + index, 'none was'));
  });

  test('ends a container with a non-blocking log all the same, ten seconds late', { timeout: 120_000 }, async () => {
    await start('late', '--log-driver', 'local', '--log-opt', 'mode=non-blocking');
    disk.freeze();
    await lineOf('late', (await lineOf('late', 0)) + 5000);
    await engine.must('stop', '-t', '20', 'late');
    assert.equal(await engine.must('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'late'), 'exited 3');
    disk.thaw();
    await engine.must('start', 'late');
    await eventually(
      async () => (await linesOf('late')).join('\n'),
      (text) => /line 1\n[^]*line 500\n/.test(text),
    );
    await engine.must('stop', '-t', '20', 'late');
    assert.ok((await linesOf('late')).every((line) => /^(line \d+|bye)$/.test(line)));
  });
});
