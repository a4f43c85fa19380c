import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { decodeMessage, encodeMessage, messageTypes } from './messages.ts';
import { parseSignature } from './signature.ts';
import { type BusValue, createWriter, decodeValues, encodeValues } from './values.ts';

function roundTrip(signature: string, values: readonly BusValue[]): BusValue[] {
  const writer = createWriter();
  encodeValues(writer, signature, values);
  return decodeValues(signature, writer.bytes, true);
}

test('values of every type come back as they were', () => {
  const values: BusValue[] = [255, true, -2, 65_535, -3, 4_294_967_295, -(2n ** 63n), 2n ** 64n - 1n, 1.5, 'text ü', '/a/b', 'a{sv}'];
  assert.deepEqual(roundTrip('ybnqiuxtdsog', values), values);
  const nested: BusValue[] = [
    [
      ['one', { signature: 't', value: 1n }],
      ['two', { signature: 'a(ss)', value: [['/dev/null', 'rw']] }],
    ],
    Uint8Array.of(1, 2, 3),
    [],
  ];
  assert.deepEqual(roundTrip('a(sv)ayax', nested), nested);
});

test('bytes lie as the specification lays them', () => {
  const writer = createWriter();
  encodeValues(writer, 'yat', [7, [1n]]);
  // 7, padding to 4, length 8, no padding to 8 needed, the element
  assert.deepEqual([...writer.bytes], [7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  const empty = createWriter();
  encodeValues(empty, 'uat', [1, []]);
  assert.deepEqual([...empty.bytes], [1, 0, 0, 0, 0, 0, 0, 0]);
});

test('the other byte order is read as well', () => {
  assert.deepEqual(decodeValues('us', Uint8Array.of(0, 0, 1, 2, 0, 0, 0, 1, 0x61, 0), false), [258, 'a']);
});

test('signatures that make no sense are refused', () => {
  for (const text of ['a', '(', '()', '{s}', 'z', '(s', 'a{sss}', 'a'.repeat(40) + 's', 's'.repeat(256)]) {
    assert.throws(() => parseSignature(text), /out of step/, text);
  }
});

test('a variant in a variant in a variant is not followed for ever', () => {
  const depth = 200;
  const bytes = Buffer.concat([Buffer.from('\u0001v\0'.repeat(depth)), Buffer.from('\u0001y\0\u0007')]);
  assert.throws(() => decodeValues('v', bytes, true), /nested too deep/);
});

test('a message is the same when it comes back, whole or in pieces', () => {
  const message = {
    type: messageTypes.call,
    serial: 7,
    path: '/a/b',
    interface: 'a.b',
    member: 'Do',
    destination: 'c.d',
    signature: 'sa(sv)',
    body: ['x', [['k', { signature: 'b', value: true }]]],
  };
  const bytes = encodeMessage(message);
  for (let length = 0; length < bytes.length; length += 1) assert.equal(decodeMessage(bytes.subarray(0, length)), null);
  assert.deepEqual(decodeMessage(Buffer.concat([bytes, bytes]))?.message, message);
  assert.equal(decodeMessage(bytes)?.length, bytes.length);
});

test('whatever a server sends is a message, not yet one, or refused', () => {
  const sound = encodeMessage({
    type: 4,
    serial: 1,
    path: '/a',
    interface: 'a.b',
    member: 'C',
    signature: 'uoss',
    body: [1, '/j', 'u', 'done'],
  });
  const mangled = fc
    .array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => changes.reduce((bytes, [at, value]) => (bytes.fill(value, at, at + 1), bytes), Buffer.from(sound)));
  fc.assert(
    fc.property(fc.oneof(mangled, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)), (bytes) => {
      try {
        const decoded = decodeMessage(Buffer.from(bytes));
        assert.ok(decoded === null || decoded.length <= bytes.length);
      } catch (error) {
        assert.ok(isOrlopError(error, 'unavailable'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
