import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseExitRecord } from './exit-record.ts';
import { planFailure, planFailureOf } from './failure.ts';
import { createFrameReader, encodeFrame, frameTypes } from './frames.ts';

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32LE(value, index * 4));
  return bytes;
}

const status = Buffer.concat([words(4, 77, 9, 1, 5, 0, 6, 0, 3, 0)]);
const failed = Buffer.concat([words(26, 4, 22), Buffer.from('fsconfig\0/proc/é\0nonsense\0')]);
const stream = Buffer.concat([
  encodeFrame(frameTypes.status, status),
  encodeFrame(frameTypes.sandboxed, words(77)),
  encodeFrame(frameTypes.failed, failed),
  encodeFrame(frameTypes.refused, Buffer.concat([words(114), Buffer.from('not now')])),
]);

test('frames are read whatever portions they come in', () => {
  const whole = createFrameReader()(stream);
  assert.deepEqual(
    whole.map((event) => event.type),
    ['status', 'sandboxed', 'failed', 'refused'],
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 12 }), (cuts) => {
      const read = createFrameReader();
      const places = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
      const events = places.slice(1).flatMap((end, index) => read(stream.subarray(places[index], end)));
      assert.deepEqual(events, whole);
    }),
  );
});

test('an end is told with signal, code, times and lost lines', () => {
  const [event] = createFrameReader()(encodeFrame(frameTypes.exited, status));
  assert.deepEqual(event, {
    type: 'exited',
    exit: { waitStatus: 9, exitCode: 137, signal: 9, outOfMemory: true, pid: 77, startedAtNs: 5n, finishedAtNs: 6n, lostLines: 3 },
  });
});

test('bytes that no monitor sends are data-loss, never a crash of another kind', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        createFrameReader()(bytes);
      } catch (error) {
        assert.ok(isOrlopError(error, 'data-loss'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
  for (const bad of [words(3, 1), words(1 << 20, 1), words(4, 99), words(4, frameTypes.created)]) {
    assert.throws(
      () => createFrameReader()(bad),
      (error) => isOrlopError(error, 'data-loss'),
    );
  }
});

test('a failure names the op, the call, the object and what the kernel said', () => {
  const error = planFailure({ opCode: 26, opIndex: 4, errno: 22, syscall: 'fsconfig', path: '/proc', detail: 'nonsense' });
  assert.equal(error.message, 'mount: fsconfig /proc: EINVAL (nonsense)');
  assert.equal(error.kind, 'invalid-argument');
  assert.deepEqual(planFailureOf(error), {
    op: 'mount',
    opIndex: 4,
    errno: 'EINVAL',
    syscall: 'fsconfig',
    path: '/proc',
    detail: 'nonsense',
  });
  assert.equal(planFailureOf(new Error('another')), null);
  assert.equal(planFailureOf(planFailure({ opCode: 0, opIndex: 0, errno: 5000, syscall: 'wait', path: '', detail: '' }))?.op, null);
});

test('an exit record is believed only when its checksum holds', () => {
  const record = Buffer.alloc(64);
  assert.equal(parseExitRecord(record, 'exit'), null);
  words(0x584c524f, 3 << 8, 0, 42).copy(record);
  record.writeBigUInt64LE(10n, 16);
  record.writeBigUInt64LE(20n, 24);
  record.writeUInt32LE(crc32(record.subarray(0, 60)), 60);
  assert.deepEqual(parseExitRecord(record, 'exit'), {
    waitStatus: 3 << 8,
    exitCode: 3,
    signal: null,
    outOfMemory: false,
    pid: 42,
    startedAtNs: 10n,
    finishedAtNs: 20n,
    lostLines: 0,
  });
  for (let at = 0; at < 64; at++) {
    const damaged = Buffer.from(record);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    assert.throws(
      () => parseExitRecord(damaged, 'exit'),
      (error) => isOrlopError(error, 'data-loss'),
    );
  }
  assert.throws(() => parseExitRecord(record.subarray(1), 'exit'), /damaged/);
});
