import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseJsonLine, parsePlainLine, parseTimestampNs } from './record.ts';

const second = 1_000_000_000n;

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
  fc.assert(
    fc.property(hostile, (text) => {
      parseJsonLine(Buffer.from(text));
      parsePlainLine(Buffer.from(text));
    }),
  );
});

test('a record of a json-file tells its attributes', () => {
  const line = '{"log":"x\\n","stream":"stderr","attrs":{"a":"b"},"time":"1970-01-01T00:00:01Z"}';
  assert.deepEqual(parseJsonLine(Buffer.from(line)), {
    stream: 'stderr',
    timeNs: second,
    data: Buffer.from('x\n'),
    attributes: { a: 'b' },
  });
});

describe('a plain line', () => {
  const time = '1970-01-01T00:00:01Z';
  const cases: readonly [text: string, found: [stream: string, data: string] | null][] = [
    [`${time} stdout F hello`, ['stdout', 'hello\n']],
    [`${time} stderr P hel`, ['stderr', 'hel']],
    [`${time} stdout F `, ['stdout', '\n']],
    [`${time} stdout P  two spaces `, ['stdout', ' two spaces ']],
    [`${time} stdout F \xff\x00`, ['stdout', '\xff\x00\n']],
    [`${time} stdout X hello`, null],
    [`${time} other F hello`, null],
    [`${time} stdout F`, null],
    [`yesterday stdout F hello`, null],
    ['', null],
    [' ', null],
    [time, null],
  ];
  for (const [text, found] of cases) {
    test(`${JSON.stringify(text)} is ${found === null ? 'none' : 'read byte by byte'}`, () => {
      const record = parsePlainLine(Buffer.from(text, 'latin1'));
      assert.deepEqual(record === null ? null : [record.stream, record.data.toString('latin1')], found);
      if (record !== null) assert.equal(record.timeNs, second);
    });
  }
});
