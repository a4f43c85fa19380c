import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '#errors';
import type { Op } from '../plan/index.ts';
import { attachMonitorExactly } from './monitor.ts';
import {
  attachFirst,
  collect,
  demultiplex,
  openTestContainer,
  parseLog,
  pipes,
  reasonToSkip,
  whenEnded,
  type LogRecord,
  type TestContainer,
} from './test-container.ts';

// A log whose records wait in memory for a writer of their own. A named pipe that nobody reads is the disk that is stuck.

const count = (lines: number): string => `i=0; while [ $i -lt ${lines} ]; do i=$((i + 1)); echo "line $i"; done`;
const numbered = (from: number, lines: number): string[] => Array.from({ length: lines }, (_, index) => `line ${from + index}\n`);

describe('a log with a buffer', { skip: reasonToSkip() }, () => {
  test('holds every line once, in order, in files within their size, when its disk keeps up', async () => {
    await using container = openTestContainer();
    const row = openLogRow(container);
    await row.run(`${count(3000)}; printf unfinished`, { size: 4096, files: 500 });
    const exit = await container.monitor.exited;
    assert.deepEqual([exit.exitCode, exit.lostLines], [0, 0]);
    assert.deepEqual(row.lines(), [...numbered(1, 3000), 'unfinished']);
    assert.ok(row.files().length > 20);
    assert.equal(readFileSync(join(row.directory, 'log'), 'utf8'), readFileSync(join(row.directory, row.files().at(-1) ?? ''), 'utf8'));
  });

  test('says that it has gone on to another file', async () => {
    await using container = openTestContainer();
    const told: number[] = [];
    container.monitor.onLogRotated = (number) => told.push(number);
    await openLogRow(container).run('echo 1; sleep 0.05; echo 2; sleep 0.05; echo 3', { size: 10 });
    await container.monitor.exited;
    assert.equal(told.at(-1), 3);
  });

  test('lets the process go on while its disk is stuck, drops what does not fit and counts it', async () => {
    await using container = openTestContainer();
    using disk = openStuckDisk(container);
    const all = 40_000;
    // A stuck disk takes what a pipe holds, the buffer another 32 KiB; of the rest the beginning is kept, as Docker's does.
    // Who is attached sees everything.
    await disk.row.runUntil(`${count(all)}; exit 7`, `line ${all}\n`, { buffer: 32_768 });
    const lines = await disk.drain(container.monitor.exited);
    const exit = await container.monitor.exited;
    assert.equal(exit.exitCode, 7);
    assert.ok(exit.lostLines > 10_000);
    assert.equal(lines.length + exit.lostLines, all);
    const numbers = lines.map((line) => Number(line.slice(5)));
    assert.equal(numbers[0], 1);
    numbers.forEach((number, index) => assert.ok(index === 0 || number > (numbers[index - 1] ?? 0)));
  });

  test('takes a line that is larger than all that may wait, alone', async () => {
    await using container = openTestContainer();
    const row = openLogRow(container);
    await row.run(`printf '%016000d\\n' 0`, { buffer: 0 });
    assert.equal((await container.monitor.exited).lostLines, 0);
    assert.deepEqual(
      row.lines().map((line) => line.length),
      [16_001],
    );
  });

  test('ends its container ten seconds late at most, for a disk that stays stuck', { timeout: 60_000 }, async () => {
    await using container = openTestContainer();
    using disk = openStuckDisk(container);
    const began = performance.now();
    await disk.row.run(count(20_000));
    const writer = await writerOf(container);
    const exit = await container.monitor.exited;
    assert.ok(performance.now() - began > 9_000);
    assert.ok(exit.lostLines > 5000 && exit.lostLines < 20_000, `${exit.lostLines} lines`);
    await endOf(container, writer);
  });

  test('goes on after kills of its writer, and loses and doubles no line', { timeout: 60_000 }, async () => {
    await using container = openTestContainer();
    const row = openLogRow(container);
    const lines = 8000;
    await row.run(`i=0; while [ $i -lt ${lines} ]; do i=$((i + 1)); echo "line $i"; [ $((i % 50)) = 0 ] && sleep 0.02; done`, {
      size: 3000,
      files: 5000,
    });
    let last = 0;
    for (let kills = 0; kills < 3; kills++) {
      const before = last;
      last = await writerOf(container, (pid) => pid !== before);
      const files = row.files().length;
      while (row.files().length < files + 3) await delay(3);
      process.kill(last, 'SIGKILL');
    }
    const exit = await container.monitor.exited;
    assert.deepEqual([exit.exitCode, exit.lostLines], [0, 0]);
    assert.deepEqual(row.lines(), numbered(1, lines));
  });

  test('is written to its end when the monitor is killed', async () => {
    await using container = openTestContainer();
    using disk = openStuckDisk(container);
    await disk.row.runUntil(`${count(3000)}; sleep 60`, 'line 3000\n');
    const writer = await writerOf(container);
    process.kill(container.monitor.pid, 'SIGKILL');
    assert.deepEqual(await disk.drain(endOf(container, writer)), numbered(1, 3000));
  });

  test('and what comes make one for a client that joins while its disk is stuck', async () => {
    await using container = openTestContainer();
    using disk = openStuckDisk(container);
    await disk.row.runUntil(`${count(3000)}; cat; echo end`, 'line 3000\n', { stdin: true });
    const { socket, sinceNs } = await attachMonitorExactly(
      container.monitorDirectory,
      { stdin: true, stdout: true, stderr: true },
      container.addon,
    );
    socket.end('typed\n');
    const [received] = await Promise.all([collect(socket), disk.drain(container.monitor.exited)]);
    const live = demultiplex(received)[1] ?? '';
    const past = disk.records().filter(({ time }) => timeNs(time) <= sinceNs);
    assert.ok(live.startsWith('line '));
    assert.equal(past.map(({ log }) => log).join('') + live, `${numbered(1, 3000).join('')}typed\nend\n`);
  });
});

interface RunOptions {
  readonly size?: number;
  readonly files?: number;
  /** Bytes that may wait. */
  readonly buffer?: number;
  readonly stdin?: boolean;
}

interface TestRow {
  readonly directory: string;
  run(script: string, options?: RunOptions): Promise<void>;
  /** Resolves once an attached client has seen this much. */
  runUntil(script: string, said: string, options?: RunOptions): Promise<void>;
  /** Names, in order. */
  files(): string[];
  lines(): string[];
}

function openLogRow(container: TestContainer, directory = join(container.directory, 'row')): TestRow {
  mkdirSync(directory, { recursive: true });
  const files = (): string[] =>
    readdirSync(directory)
      .filter((name) => /^log\.\d+$/.test(name))
      .toSorted((one, other) => Number(one.slice(4)) - Number(other.slice(4)));
  const start = async (script: string, options: RunOptions, client?: { descriptor: number }): Promise<void> => {
    const { size = 0, files: keep = 500, buffer = 1_000_000, stdin = false } = options;
    const slots = [openSync(directory, 'r'), openSync(join(directory, 'log.1'), 'a')];
    const before: Op[] = [
      { op: 'keep_log', file: 3 },
      { op: 'rotate_log', directory: 2, name: 'log', number: 1, size, age: 0, born: 0, files: keep },
      { op: 'buffer_log', bytes: buffer },
      ...(client === undefined ? [] : [{ op: 'attach_client', socket: 4, streams: 2 } as const]),
    ];
    const all = client === undefined ? slots : [...slots, client.descriptor];
    await container.run({ argv: ['sh', '-c', script], slots: all, before, stdio: stdin ? pipes(1, 1) : pipes() });
    slots.forEach((fd) => closeSync(fd));
  };
  return {
    directory,
    files,
    run: (script, options = {}) => start(script, options),
    async runUntil(script, said, options = {}) {
      const { attachment } = attachFirst(container.addon, 2);
      const seen = new Promise<void>((resolve) => {
        let text = '';
        attachment.socket.on('data', (chunk: Buffer) => {
          text = (text + chunk.toString('latin1')).slice(-200_000);
          if (text.endsWith(said)) resolve();
        });
      });
      await start(script, options, attachment);
      container.addon.close(attachment.descriptor);
      await seen;
      attachment.socket.destroy();
    },
    lines: () => files().flatMap((name) => parseLog(readFileSync(join(directory, name), 'utf8')).map(({ log }) => log)),
  };
}

interface StuckDisk extends Disposable {
  readonly row: TestRow;
  /** From now on the disk takes what comes, until this settles. Returns the lines. */
  drain(until: Promise<unknown>): Promise<string[]>;
  records(): LogRecord[];
}

function openStuckDisk(container: TestContainer): StuckDisk {
  const directory = join(container.directory, 'row');
  mkdirSync(directory);
  execFileSync('mkfifo', [join(directory, 'log.1')]);
  const reader = openSync(join(directory, 'log.1'), constants.O_RDONLY | constants.O_NONBLOCK);
  const chunk = Buffer.alloc(65_536);
  const chunks: Buffer[] = [];
  const takeAll = (): void => {
    try {
      for (let size = 1; size > 0; ) {
        size = readSync(reader, chunk, 0, chunk.length, null);
        chunks.push(Buffer.from(chunk.subarray(0, size)));
      }
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error;
    }
  };
  const records = (): LogRecord[] => parseLog(Buffer.concat(chunks).toString());
  return {
    row: openLogRow(container, directory),
    records,
    async drain(until) {
      let settled = false;
      void until.then(() => (settled = true));
      while (!settled) {
        takeAll();
        await delay(5);
      }
      takeAll();
      return records().map(({ log }) => log);
    },
    [Symbol.dispose]: () => closeSync(reader),
  };
}

/** The pid of the process that writes the log, once there is one that fits. */
async function writerOf({ monitor }: TestContainer, fits: (pid: number) => boolean = () => true): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${monitor.pid}/task/${monitor.pid}/children`, 'utf8').trim().split(' ').map(Number);
    const writer = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'bosun-log\n' && fits(pid));
    if (writer !== undefined) return writer;
    await delay(5);
  }
}

function endOf({ addon }: TestContainer, pid: number): Promise<void> {
  return whenEnded(addon, pid);
}

function timeNs(time: string): bigint {
  const [, seconds = '', digits = ''] = /^(.*)\.(\d{9})Z$/.exec(time) ?? [];
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(digits);
}
