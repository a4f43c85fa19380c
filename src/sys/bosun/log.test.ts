import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { noSlot, type Op } from '../plan/index.ts';
import {
  attachFirst,
  collect,
  demultiplex,
  openTestContainer,
  parseLog,
  reasonToSkip,
  type LogRecord,
  type TestContainer,
} from './test-container.ts';

describe('the log', { skip: reasonToSkip() }, () => {
  test('a line longer than 16 KiB is logged in pieces of one time, the last with the newline', async () => {
    const records = await logOf(Buffer.from(`${'a'.repeat(40_000)}\nshort\n${'b'.repeat(16_384)}\n`));
    assert.deepEqual(
      records.map(({ log }) => [log[0], log.length]),
      [
        ['a', 16_384],
        ['a', 16_384],
        ['a', 40_000 - 2 * 16_384 + 1],
        ['s', 6],
        ['b', 16_384],
        ['\n', 1],
      ],
    );
    assert.equal(new Set(records.slice(0, 3).map((record) => record.time)).size, 1);
  });

  test('no character is cut in two by the pieces', async () => {
    const text = `x${'𝄞é€'.repeat(5000)}`;
    const records = await logOf(Buffer.from(`${text}\n`));
    assert.ok(records.length > 2);
    assert.equal(records.map((record) => record.log).join(''), `${text}\n`);
  });

  test('what Docker escapes is escaped as Docker does', async () => {
    await using container = openTestContainer();
    writeFileSync(join(container.root, 'bytes'), Buffer.from('<a href="x">&amp;</a>\t\\\u2028\u2029\x01\x7f\r\n'));
    await container.run({ argv: ['cat', '/bytes'] });
    await container.monitor.exited;
    const expected =
      String.raw`{"log":"\u003ca href=\"x\"\u003e\u0026amp;\u003c/a\u003e\t\\\u2028\u2029\u0001` +
      '\x7f' +
      String.raw`\r\n","stream":"stdout","time":"`;
    assert.equal(readFileSync(join(container.directory, 'log'), 'utf8').slice(0, expected.length), expected);
  });

  test('whatever bytes come, each line is valid JSON and holds what UTF-8 makes of them', async () => {
    const samples = fc.sample(anyOutput(), { numRuns: 12, seed: 20261121 });
    for (const bytes of samples) {
      const records = await logOf(bytes);
      const logged = records.map((record) => record.log).join('');
      assert.equal(logged, decodeAsGo(bytes));
    }
  });

  test('a full disk under the log costs lines, which are counted, and neither time nor validity', async () => {
    await using container = openTestContainer();
    const disk = join(container.directory, 'disk');
    mkdirSync(disk);
    container.addon.mount('tmpfs', disk, 'tmpfs', 0, 'size=64k');
    try {
      const file = container.addon.openat2(-100, join(disk, 'log'), 0o2_002_101, 0o600, 0);
      const { attachment, op } = attachFirst(container.addon, 2);
      const log: Op = { op: 'keep_log', file: 3 };
      const count = 20_000;
      const script = `i=0; while [ $i -lt ${count} ]; do i=$((i + 1)); echo "line $i"; done`;
      await container.run({ argv: ['sh', '-c', script], slots: [attachment.descriptor, file], before: [op, log] });
      container.addon.close(attachment.descriptor);
      container.addon.close(file);
      const output = demultiplex(await collect(attachment.socket))[1];
      const exit = await container.monitor.exited;
      assert.equal(exit.exitCode, 0);
      assert.equal(output?.split('\n').length, count + 1);
      const records = parseLog(readFileSync(join(disk, 'log'), 'utf8'));
      assert.equal(records.length + exit.lostLines, count);
      assert.ok(exit.lostLines > 0 && records.length > 0 && statfsSync(disk).blocks > 0);
      records.forEach((record, index) => assert.equal(record.log, `line ${index + 1}\n`));
    } finally {
      container.addon.umount(disk, 2);
    }
  });

  test('a stream that ends within a line leaves that line without a newline', async () => {
    assert.deepEqual(
      (await logOf(Buffer.from('whole\nhalf'))).map((record) => record.log),
      ['whole\n', 'half'],
    );
  });

  test('nothing is logged of streams that the plan gives away', async () => {
    await using container = openTestContainer();
    const stdio: Op = { op: 'stdio', mode: 0, open_stdin: 0, stdin_once: 0, uid: 0, gid: 0, stdin: noSlot, stdout: noSlot, stderr: noSlot };
    await container.run({ argv: ['echo', 'unheard'], stdio });
    await container.monitor.exited;
    assert.deepEqual(container.readLog(), []);
  });
});

describe('a row of log files', { skip: reasonToSkip() }, () => {
  test('holds every line once, in order, in files within their size, and the last of them under the name of the row', async () => {
    const { files, lines, sizes, last } = await rowOf('i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo "line $i"; done', {
      size: 4096,
      files: 100,
    });
    assert.deepEqual(
      lines,
      Array.from({ length: 2000 }, (_, index) => `line ${index + 1}\n`),
    );
    assert.ok(files.length > 10);
    assert.deepEqual(
      files,
      [...files.keys()].map((index) => `log.${index + 1}`),
    );
    assert.ok(Math.max(...sizes) <= 4096);
    assert.deepEqual([last.hasRowName, last.mode], [true, 0o640]);
  });

  test('keeps only as many as it may, packed ones counted', async () => {
    const script = 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo "line $i"; done';
    const { files, lines, all } = await rowOf(script, { size: 1000, files: 3, others: ['log.1.gz'] });
    const last = Number(files.at(-1)?.slice(4));
    assert.deepEqual(
      files,
      [last - 2, last - 1, last].map((number) => `log.${number}`),
    );
    assert.equal(lines.at(-1), 'line 300\n');
    assert.deepEqual(
      all.filter((name) => name.endsWith('.gz')),
      [],
    );
  });

  test('goes on when its last file is old', async () => {
    const { files, lines } = await rowOf('echo one; echo two', { age: 1n, files: 9 });
    assert.equal(lines.join(''), 'one\ntwo\n');
    assert.ok(files.length >= 1);
    const older = await rowOf('echo new', { age: 3_600_000_000_000n, born: 1n, files: 9, first: 'old\n' });
    assert.deepEqual(
      [older.files, older.lines],
      [
        ['log.1', 'log.2'],
        ['old\n', 'new\n'],
      ],
    );
  });

  test('with a record larger than a file gives that record a file of its own', async () => {
    const { files, lines } = await rowOf(`echo a; printf '%0500d\\n' 0; echo b`, { size: 200, files: 9 });
    assert.deepEqual([files.length, lines.map((line) => line.length)], [3, [2, 501, 2]]);
  });

  test('that can go no further loses lines instead of growing, and counts them', async () => {
    await using container = openTestContainer();
    const directory = join(container.directory, 'row');
    mkdirSync(join(directory, 'log.2'), { recursive: true });
    const { exit, lines } = await fill(container, directory, 'i=0; while [ $i -lt 100 ]; do i=$((i + 1)); echo "line $i"; done', {
      size: 1000,
      files: 2,
    });
    assert.ok(lines.length > 0 && exit.lostLines > 0);
    assert.equal(lines.length + exit.lostLines, 100);
  });

  test('says that it has gone on', async () => {
    await using container = openTestContainer();
    const directory = join(container.directory, 'row');
    mkdirSync(directory);
    const told: number[] = [];
    container.monitor.onLogRotated = (number) => told.push(number);
    await fill(container, directory, 'echo 1; sleep 0.05; echo 2; sleep 0.05; echo 3', { size: 10, files: 9 });
    assert.equal(told.at(-1), 3);
  });

  test('takes attributes into each record, and plain text as it is', async () => {
    const { lines, text } = await rowOf('echo out; echo err >&2', { attributes: ',"attrs":{"a":"b"}', files: 1 });
    assert.deepEqual(lines.toSorted(), ['err\n', 'out\n']);
    assert.match(text, /^\{"log":"...\\n","stream":"std...","attrs":\{"a":"b"\},"time":"[^"]+"\}$/m);
    const plain = await rowOf(String.raw`printf '\377\001"\n'; printf end`, { plain: true, files: 1 });
    assert.match(plain.text, /^\d{4}-\S+Z stdout F \xff\x01"\n\d{4}-\S+Z stdout P end\n$/);
  });
});

interface RowOptions {
  readonly size?: number;
  readonly age?: bigint;
  readonly born?: bigint;
  readonly files: number;
  readonly attributes?: string;
  readonly plain?: boolean;
  /** A line that the first file has already. */
  readonly first?: string;
  /** Files that lie there before. */
  readonly others?: readonly string[];
}

async function rowOf(script: string, options: RowOptions) {
  await using container = openTestContainer();
  const directory = join(container.directory, 'row');
  mkdirSync(directory);
  return await fill(container, directory, script, options);
}

async function fill(container: TestContainer, directory: string, script: string, options: RowOptions) {
  const { first, others = [], files, size = 0, age = 0n, born = 0n, attributes = '', plain = false } = options;
  for (const name of others) writeFileSync(join(directory, name), '');
  if (first !== undefined) writeFileSync(join(directory, 'log.1'), `${JSON.stringify({ log: first, stream: 'stdout', time: 'x' })}\n`);
  const slots = [openSync(directory, 'r'), openSync(join(directory, 'log.1'), 'a')];
  const ops: Op[] = [
    { op: 'keep_log', file: 3 },
    { op: 'format_log', format: plain ? 1 : 0, attributes: Buffer.from(attributes) },
    { op: 'rotate_log', directory: 2, name: 'log', number: 1, size, age, born, files },
  ];
  await container.run({ argv: ['sh', '-c', script], slots, before: ops });
  slots.forEach((fd) => closeSync(fd));
  const exit = await container.monitor.exited;
  const written = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile() && /^log\.\d+$/.test(entry.name));
  const names = written.map((entry) => entry.name).toSorted((one, other) => Number(one.slice(4)) - Number(other.slice(4)));
  const text = names.map((name) => readFileSync(join(directory, name), 'latin1')).join('');
  const facts = names.map((name) => statSync(join(directory, name)));
  const rowName = statSync(join(directory, 'log'), { throwIfNoEntry: false });
  const last = { hasRowName: rowName?.ino === facts.at(-1)?.ino, mode: (facts.at(-1)?.mode ?? 0) & 0o777 };
  const sizes = facts.map(({ size: bytes }) => bytes);
  return {
    exit,
    files: names,
    all: readdirSync(directory),
    sizes,
    last,
    text,
    lines: plain ? [] : parseLog(text).map((record) => record.log),
  };
}

async function logOf(bytes: Uint8Array): Promise<LogRecord[]> {
  await using container = openTestContainer();
  writeFileSync(join(container.root, 'bytes'), bytes);
  await container.run({ argv: ['cat', '/bytes'] });
  await container.monitor.exited;
  return container.readLog();
}

/** Random bytes, valid text, and damaged text, with newlines here and there. */
function anyOutput(): fc.Arbitrary<Uint8Array> {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'binary', maxLength: 100 }).map((text) => Buffer.from(text)),
    fc.constantFrom(
      ...['\n', '\xc0\xaf', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\xe2\x82', '\xf0\x9f'].map((text) => Buffer.from(text, 'latin1')),
    ),
    fc.integer({ min: 16_300, max: 16_400 }).map((size) => Buffer.alloc(size, 'é')),
  );
  return fc.array(part, { minLength: 1, maxLength: 40 }).map((parts) => Buffer.concat(parts));
}

/** As Go's encoding/json: each byte that does not belong to a well-formed character becomes U+FFFD by itself. */
function decodeAsGo(bytes: Uint8Array): string {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((size) => {
      try {
        return at + size <= bytes.length && [...strict.decode(bytes.subarray(at, at + size))].length === 1;
      } catch {
        return false;
      }
    });
    text += length === undefined ? '\ufffd' : strict.decode(bytes.subarray(at, at + length));
    at += length ?? 1;
  }
  return text;
}
