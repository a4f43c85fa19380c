import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { LogRequest } from '../model.ts';
import { packRow } from './pack.ts';
import { readLog, type LogSource } from './read.ts';
import { parseJsonLine } from './record.ts';

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
  const path = join(directory, 'container.log.1');
  if (text !== undefined) writeFileSync(path, text);
  const listeners = new Set<() => void>();
  let live = text !== undefined;
  const source: LogSource = {
    directory,
    parse: parseJsonLine,
    isLive: () => live,
    onEnd(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
  };
  return {
    source,
    path,
    listeners,
    append: (more: string, number = 1) => appendFileSync(join(directory, `container.log.${number}`), more),
    has: (name: string) => existsSync(join(directory, name)),
    remove: (number: number) => rmSync(join(directory, `container.log.${number}`)),
    pack: () => packRow(directory, new AbortController().signal),
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
    const { source, path } = createLog(t, '');
    const lengths = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 65_400, max: 65_600 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(14), async (sizes, tail) => {
        const lines = sizes.map((size, index) => `${index}${'x'.repeat(size)}`);
        writeFileSync(path, lines.map((text) => line(text)).join(''));
        assert.deepEqual(await read(source, { tail }), tail === 0 ? [] : lines.slice(-tail));
      }),
      { numRuns: 40 },
    );
  });
});

describe('what is open', () => {
  for (const tail of [undefined, 15]) {
    test(`is read to its end, also when its directory goes${tail === undefined ? '' : ', its last lines too'}`, async (t) => {
      const log = createLog(t, '');
      const lines = Array.from({ length: 20 }, (_, index) => String(index));
      for (const [index, text] of lines.entries()) log.append(line(text), index < 10 ? 1 : 2);
      await log.pack();
      const { promise: opened, resolve: onOpen } = Promise.withResolvers<void>();
      const request = { onOpen, ...(tail === undefined ? {} : { tail }) };
      const reading = read(log.source, request);
      await opened;
      for (const name of ['container.log.1.gz', 'container.log.2']) rmSync(join(log.source.directory, name));
      assert.deepEqual(await reading, tail === undefined ? lines : lines.slice(-tail));
    });
  }
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
    const { source, path } = createLog(t, '');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.option(fc.nat(5), { nil: undefined }), async (bytes, tail) => {
        writeFileSync(path, bytes);
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

describe('a row of files', () => {
  const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

  /** Ten lines in each of five files, the last still written. */
  function createRow(t: TestContext) {
    const log = createLog(t, '');
    for (const number of [1, 2, 3, 4, 5]) {
      for (const text of numbers(number * 10, number * 10 + 9)) log.append(line(text, Number(text)), number);
    }
    return log;
  }

  test('is one log, packed or not', async (t) => {
    const log = createRow(t);
    assert.deepEqual(await read(log.source), numbers(10, 59));
    await log.pack();
    assert.deepEqual(
      [4, 5].map((number) => [log.has(`container.log.${number}`), log.has(`container.log.${number}.gz`)]),
      [
        [false, true],
        [true, false],
      ],
    );
    assert.deepEqual(await read(log.source), numbers(10, 59));
  });

  for (const packed of [false, true]) {
    test(`has its last lines wherever they are${packed ? ', packed too' : ''}`, async (t) => {
      const log = createRow(t);
      if (packed) await log.pack();
      for (const tail of [0, 1, 9, 10, 11, 25, 30, 49, 50, 51]) {
        assert.deepEqual(await read(log.source, { tail }), tail === 0 ? [] : numbers(10, 59).slice(-tail), String(tail));
      }
    });
  }

  test('gives what was said in a time', async (t) => {
    const log = createRow(t);
    await log.pack();
    const request = { sinceNs: (epoch + 25n) * second, untilNs: (epoch + 31n) * second };
    assert.deepEqual(await read(log.source, request), numbers(25, 31));
  });

  test('begins anywhere and may have gaps', async (t) => {
    const log = createRow(t);
    log.remove(1);
    log.remove(3);
    assert.deepEqual(await read(log.source), [...numbers(20, 29), ...numbers(40, 59)]);
    assert.deepEqual(await read(log.source, { tail: 25 }), [...numbers(25, 29), ...numbers(40, 59)]);
  });

  test('whose file is there both packed and not has it once', async (t) => {
    const log = createRow(t);
    await log.pack();
    log.append(
      numbers(10, 19)
        .map((text) => line(text, Number(text)))
        .join(''),
      1,
    );
    assert.deepEqual(await read(log.source), numbers(10, 59));
  });

  test('with a packed file that is damaged goes on behind it', async (t) => {
    const log = createRow(t);
    await log.pack();
    writeFileSync(join(log.source.directory, 'container.log.2.gz'), 'nothing that was packed');
    assert.deepEqual(await read(log.source), [...numbers(10, 19), ...numbers(30, 59)]);
  });

  test('is followed from file to file, whether they are packed, removed, or only made meanwhile', async (t) => {
    const log = createLog(t, line('1'));
    const records = readLog(log.source, { ...everything, follow: true }, new AbortController().signal);
    const next = async (): Promise<string | undefined> => {
      const step = await records.next();
      return step.done === true ? undefined : step.value.data.toString();
    };
    assert.equal(await next(), '1');
    log.append(line('2'), 1);
    log.append(line('3'), 2);
    assert.deepEqual([await next(), await next()], ['2', '3']);
    log.append(line('4'), 2);
    log.append('', 3);
    await log.pack();
    assert.equal(await next(), '4');
    log.append(line('5'), 3);
    log.remove(3);
    log.append(line('6'), 4);
    log.end();
    assert.deepEqual([await next(), await next()], ['6', undefined]);
    assert.equal(log.listeners.size, 0);
  });

  test('followed from the first file on, before there is one, misses nothing', async (t) => {
    const log = createLog(t, '');
    log.remove(1);
    const reading = read(log.source, { follow: true });
    log.append(line('1'), 1);
    log.append(line('2'), 2);
    log.end();
    assert.deepEqual(await reading, ['1', '2']);
  });

  test('that somebody has emptied is read from its beginning', async (t) => {
    const log = createLog(t, line('long before') + line('2'));
    const records = readLog(log.source, { ...everything, follow: true }, new AbortController().signal);
    await records.next();
    await records.next();
    writeFileSync(log.path, line('new'));
    const step = await records.next();
    assert.equal(step.done === true ? '' : step.value.data.toString(), 'new');
    await records.return(undefined);
  });
});
