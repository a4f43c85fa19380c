import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { noSlot, type Op } from '../plan/index.ts';
import { attachFirst, collect, demultiplex, openTestContainer, parseLog, reasonToSkip, type LogRecord } from './test-container.ts';

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
