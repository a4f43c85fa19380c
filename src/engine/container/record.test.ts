import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { recordWith, requestWith } from '../fixtures/records.ts';
import { formatRecord, isActive, parseRecord, type ContainerRecord } from './record.ts';

const time = fc.bigInt({ min: 0n, max: 2n ** 63n });
const trap = fc.constantFrom('createdAtNs', 'startedAtNs', 'finishedAtNs', 'state', 'id');
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('5n', 'n', '-1n', '0x1n'));
const texts = fc.dictionary(fc.oneof(fc.string(), trap), text, { noNullPrototype: true });

const records: fc.Arbitrary<ContainerRecord> = fc
  .record({
    createdAtNs: time,
    startedAtNs: time,
    finishedAtNs: time,
    labels: texts,
    sysctls: texts,
    env: fc.array(text),
    error: text,
    pid: fc.nat(),
    held: fc.option(fc.tuple(fc.string(), fc.option(fc.nat()))),
  })
  .map(({ createdAtNs, startedAtNs, finishedAtNs, labels, sysctls, env, error, pid, held }) => {
    const run = held === null ? null : { cgroup: held[0], idRange: held[1] === null ? null : { first: held[1], count: 65_536 } };
    const record = recordWith({ createdAtNs, labels, run, request: requestWith({ labels, sysctls, env }) });
    return { ...record, process: { ...record.process, env }, state: { ...record.state, startedAtNs, finishedAtNs, error, pid } };
  });

test('a record is read back as it was written, whatever its labels are called', () => {
  fc.assert(
    fc.property(records, (record) => {
      assert.deepEqual(parseRecord(record.id, formatRecord(record)), record);
    }),
  );
});

test('a machine has a console that anybody may join, one of an older engine as well', () => {
  const { request } = parseRecord(recordWith().id, formatRecord(recordWith({ kind: 'system' })));
  assert.deepEqual([request.terminal, request.openStdin], [true, true]);
  assert.equal(parseRecord(recordWith().id, formatRecord(recordWith())).request.terminal, undefined);
});

test('a record of an engine that published no ports is one without ports', () => {
  const { ports: _, ...old } = JSON.parse(formatRecord(recordWith())) as Record<string, unknown>;
  assert.deepEqual(parseRecord(recordWith().id, JSON.stringify(old)).ports, []);
});

test('times keep every nanosecond', () => {
  const createdAtNs = 1_790_000_000_123_456_789n;
  assert.equal(parseRecord(recordWith().id, formatRecord(recordWith({ createdAtNs }))).createdAtNs, createdAtNs);
});

function isDataLoss(error: unknown): boolean {
  return isOrlopError(error, 'data-loss') && error.code === 'ENGINE_RECORD_UNREADABLE' && error.message.includes(recordWith().id);
}

const whole = formatRecord(recordWith());
const broken: readonly [what: string, text: string][] = [
  ['nothing', ''],
  ['no JSON', 'container'],
  ['a torn text', whole.slice(0, -20)],
  ['null', 'null'],
  ['a list', '[]'],
  ['a number', '7'],
  ['no state', JSON.stringify({ id: recordWith().id })],
  ["another container's record", whole.replace(recordWith().id, 'f'.repeat(64))],
  ['a time that is none', whole.replace('"createdAtNs":"1000n"', '"createdAtNs":"soon"')],
];
for (const [what, text] of broken) {
  test(`${what} is no record: data-loss, naming the container`, () => assert.throws(() => parseRecord(recordWith().id, text), isDataLoss));
}

test('no text makes reading a record fail in another way', () => {
  const { id } = recordWith();
  const hostile = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ id: fc.constant(id), state: fc.jsonValue(), createdAtNs: fc.jsonValue() }).map((value) => JSON.stringify(value)),
    fc.tuple(fc.nat(whole.length), fc.nat(20), fc.string()).map(([at, length, put]) => whole.slice(0, at) + put + whole.slice(at + length)),
  );
  fc.assert(
    fc.property(hostile, (stored) => {
      try {
        assert.equal(parseRecord(id, stored).id, id);
      } catch (error) {
        assert.ok(isDataLoss(error), String(error));
      }
    }),
  );
});

test('a container is active while it has a process', () => {
  const active = (['created', 'running', 'paused', 'exited', 'removing', 'dead'] as const).filter(isActive);
  assert.deepEqual(active, ['running', 'paused']);
});
