import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { LogRequest } from '../model.ts';
import { parseLogLine, parseTimestampNs, readLog, type LogSource } from './logs.ts';

const everything: LogRequest = { follow: false, stdout: true, stderr: true };
const second = 1_000_000_000n;
const epoch = 1_790_000_000n;

/** A line of the json-file format; `at` in seconds after an arbitrary moment. */
function line(text: string, at = 0, stream: 'stdout' | 'stderr' = 'stdout'): string {
  const time = new Date((Number(epoch) + at) * 1000).toISOString();
  return `${JSON.stringify({ log: text, stream, time })}\n`;
}

/** A log file in a directory of its own, and the process that writes it. */
function createLog(t: TestContext, text?: string) {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-logs-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'container.log');
  if (text !== undefined) writeFileSync(path, text);
  const listeners = new Set<() => void>();
  let live = text !== undefined;
  const source: LogSource = {
    path,
    isLive: () => live,
    onEnd(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
  };
  return {
    source,
    listeners,
    append: (more: string) => appendFileSync(path, more),
    end() {
      live = false;
      for (const listener of listeners) listener();
    },
  };
}

async function read(source: LogSource, request: Partial<LogRequest> = {}): Promise<string[]> {
  const records = await Array.fromAsync(readLog(source, { ...everything, ...request }, new AbortController().signal));
  return records.map((record) => record.data.toString());
}

describe('what is kept', () => {
  test('is read whole, in order, with stream, time and bytes', async (t) => {
    const { source } = createLog(t, line('out\n', 1) + line('é "quoted"\n', 2, 'stderr') + line('no newline', 3));
    const records = await Array.fromAsync(readLog(source, everything, new AbortController().signal));
    assert.deepEqual(records, [
      { stream: 'stdout', timeNs: (epoch + 1n) * second, data: Buffer.from('out\n') },
      { stream: 'stderr', timeNs: (epoch + 2n) * second, data: Buffer.from('é "quoted"\n') },
      { stream: 'stdout', timeNs: (epoch + 3n) * second, data: Buffer.from('no newline') },
    ]);
  });

  test('of a file that is not there is nothing, followed or not', async (t) => {
    const { source } = createLog(t);
    assert.deepEqual(await read(source), []);
    assert.deepEqual(await read(source, { follow: true }), []);
  });

  test('of an empty file is nothing', async (t) => assert.deepEqual(await read(createLog(t, '').source), []));

  test('is told by stream', async (t) => {
    const { source } = createLog(t, line('1') + line('2', 0, 'stderr') + line('3'));
    assert.deepEqual(await read(source, { stderr: false }), ['1', '3']);
    assert.deepEqual(await read(source, { stdout: false }), ['2']);
    assert.deepEqual(await read(source, { stdout: false, stderr: false }), []);
  });

  const windows: readonly [what: string, request: Partial<LogRequest>, found: string[]][] = [
    ['since a moment, which is inside', { sinceNs: (epoch + 2n) * second }, ['2', '3', '4']],
    ['until a moment, which is inside', { untilNs: (epoch + 2n) * second }, ['1', '2']],
    ['between two moments', { sinceNs: (epoch + 2n) * second, untilNs: (epoch + 3n) * second }, ['2', '3']],
    ['a nanosecond later', { sinceNs: (epoch + 2n) * second + 1n }, ['3', '4']],
    ['after everything', { sinceNs: (epoch + 9n) * second }, []],
    ['before everything', { untilNs: 0n }, []],
    ['the last line', { tail: 1 }, ['4']],
    ['the last three', { tail: 3 }, ['2', '3', '4']],
    ['as many as there are', { tail: 4 }, ['1', '2', '3', '4']],
    ['more than there are', { tail: 99 }, ['1', '2', '3', '4']],
    ['none', { tail: 0 }, []],
    ['the last three, until a moment', { tail: 3, untilNs: (epoch + 2n) * second }, ['2']],
  ];
  for (const [what, request, found] of windows) {
    test(what, async (t) => {
      const { source } = createLog(t, [1, 2, 3, 4].map((number) => line(String(number), number)).join(''));
      assert.deepEqual(await read(source, request), found);
    });
  }

  test('a tail that begins far before the end of a large file is found', async (t) => {
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index} ${'x'.repeat(index % 300)}`);
    const { source } = createLog(t, lines.map((text) => line(text)).join(''));
    assert.deepEqual(await read(source, { tail: 3000 }), lines.slice(-3000));
    assert.deepEqual(await read(source), lines);
  });

  test('the tail of any file is the end of the whole', async (t) => {
    const { source } = createLog(t, '');
    const lengths = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 65_400, max: 65_600 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(14), async (sizes, tail) => {
        const lines = sizes.map((size, index) => `${index}${'x'.repeat(size)}`);
        writeFileSync(source.path, lines.map((text) => line(text)).join(''));
        assert.deepEqual(await read(source, { tail }), tail === 0 ? [] : lines.slice(-tail));
      }),
      { numRuns: 40 },
    );
  });
});

describe('a damaged file', () => {
  test('a torn last line is left out, and does not count for the tail', async (t) => {
    const { source } = createLog(t, line('1') + line('2') + line('torn').slice(0, 10));
    assert.deepEqual(await read(source), ['1', '2']);
    assert.deepEqual(await read(source, { tail: 1 }), ['2']);
  });

  test('a line that is none is passed over', async (t) => {
    const junk = [
      '',
      '{',
      'null',
      '7',
      '[]',
      '{"log":1,"time":"x"}',
      '{"log":"no time"}',
      '{"log":"x","time":"yesterday"}',
      '\0\0\0',
      '\ufffd',
    ];
    const { source } = createLog(t, line('1') + junk.map((text) => `${text}\n`).join('') + line('2'));
    assert.deepEqual(await read(source), ['1', '2']);
  });

  test('a line longer than any of ours is passed over without being kept in memory', async (t) => {
    const { source } = createLog(t, line('1') + line('x'.repeat(3_000_000)) + line('2'));
    assert.deepEqual(await read(source), ['1', '2']);
  });

  test('the longest line that the monitor writes is read', async (t) => {
    // 16 KiB of bytes that JSON writes with six characters each.
    const { source } = createLog(t, line('\u0001'.repeat(16_384)) + line('2'));
    assert.deepEqual(await read(source), ['\u0001'.repeat(16_384), '2']);
  });

  test('whatever bytes there are, reading ends', async (t) => {
    const { source } = createLog(t, '');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.option(fc.nat(5), { nil: undefined }), async (bytes, tail) => {
        writeFileSync(source.path, bytes);
        assert.deepEqual(await read(source, tail === undefined ? {} : { tail }), []);
      }),
      { numRuns: 50 },
    );
  });
});

describe('following', () => {
  test('goes on with what is written until the process ends, and reads all of it', async (t) => {
    const log = createLog(t, line('1'));
    const reading = read(log.source, { follow: true });
    log.append(line('2'));
    log.append(line('3'));
    log.end();
    assert.deepEqual(await reading, ['1', '2', '3']);
    assert.equal(log.listeners.size, 0);
  });

  test('gives each line as it comes', async (t) => {
    const log = createLog(t, line('1'));
    const records = readLog(log.source, { ...everything, follow: true }, new AbortController().signal);
    const next = async (): Promise<string | undefined> => {
      const step = await records.next();
      return step.done === true ? undefined : step.value.data.toString();
    };
    assert.equal(await next(), '1');
    for (const text of ['2', '3', '4']) {
      const waiting = next();
      log.append(line(text));
      assert.equal(await waiting, text);
    }
    log.append(line('last words'));
    log.end();
    assert.deepEqual([await next(), await next()], ['last words', undefined]);
  });

  test('puts a line together that is written in pieces', async (t) => {
    const log = createLog(t, line('1'));
    const records = readLog(log.source, { ...everything, follow: true }, new AbortController().signal);
    await records.next();
    const waiting = records.next();
    const text = line('slowly');
    for (const character of text) log.append(character);
    const step = await waiting;
    assert.equal(step.done === true ? '' : step.value.data.toString(), 'slowly');
    await records.return(undefined);
  });

  test('of a process that has ended gives what is kept', async (t) => {
    const log = createLog(t, line('1'));
    log.end();
    assert.deepEqual(await read(log.source, { follow: true }), ['1']);
  });

  test('from the end gives only what comes', async (t) => {
    const log = createLog(t, line('1'));
    const reading = read(log.source, { follow: true, tail: 0, sinceNs: 0n });
    // A listener is there once the reader knows where the end is.
    while (log.listeners.size === 0) await new Promise((resolve) => setImmediate(resolve));
    log.append(line('2'));
    log.end();
    assert.deepEqual(await reading, ['2']);
  });

  test('ends with the signal, also when nothing is written any more, and listens no longer', async (t) => {
    const log = createLog(t, line('1'));
    const stop = new AbortController();
    const records = readLog(log.source, { ...everything, follow: true }, stop.signal);
    await records.next();
    const waiting = records.next();
    stop.abort();
    assert.equal((await waiting).done, true);
    assert.equal(log.listeners.size, 0);
  });

  test('ends at the first line after its end', async (t) => {
    const log = createLog(t, line('1', 1));
    const reading = read(log.source, { follow: true, untilNs: (epoch + 2n) * second });
    log.append(line('2', 2));
    log.append(line('3', 3));
    assert.deepEqual(await reading, ['1', '2']);
    log.end();
  });

  test('that is given up listens no longer', async (t) => {
    const log = createLog(t, line('1'));
    const records = readLog(log.source, { ...everything, follow: true }, new AbortController().signal);
    await records.next();
    assert.equal(log.listeners.size, 1);
    await records.return(undefined);
    assert.equal(log.listeners.size, 0);
  });
});

describe('a time', () => {
  const cases: readonly [text: string, ns: bigint][] = [
    ['1970-01-01T00:00:00Z', 0n],
    ['2026-11-05T10:00:00Z', 1_793_872_800n * second],
    ['2026-11-05T10:00:00.5Z', 1_793_872_800n * second + 500_000_000n],
    ['2026-11-05T10:00:00.123456789Z', 1_793_872_800n * second + 123_456_789n],
    ['2026-11-05T10:00:00.000000001Z', 1_793_872_800n * second + 1n],
    ['2026-11-05T12:00:00+02:00', 1_793_872_800n * second],
    ['2026-11-05T07:30:00.25-02:30', 1_793_872_800n * second + 250_000_000n],
  ];
  for (const [text, ns] of cases) test(`${text} is ${ns}`, () => assert.equal(parseTimestampNs(text), ns));

  for (const text of [
    '',
    'now',
    '2026-11-05',
    '2026-11-05T10:00:00',
    '2026-13-05T10:00:00Z',
    '2026-11-05T25:00:00Z',
    '2026-11-05T10:00:00.Z',
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.throws(() => parseTimestampNs(text), RangeError));
  }

  test('is read back from what Date writes', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }), (date) => {
        assert.equal(parseTimestampNs(date.toISOString()), BigInt(date.getTime()) * 1_000_000n);
      }),
    );
  });
});

test('no line makes the parser fail', () => {
  const hostile = fc.oneof(
    fc.json(),
    fc.string(),
    fc.record({ log: fc.jsonValue(), stream: fc.jsonValue(), time: fc.jsonValue() }).map((value) => JSON.stringify(value)),
  );
  fc.assert(fc.property(hostile, (text) => void parseLogLine(Buffer.from(text))));
});
