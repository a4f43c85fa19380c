import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { bytes, flag, inner, integer, long, many, mapOf, message, nested, one, text } from './message.ts';

const inside = message({ word: one(1, text) });
const all = message({
  word: one(1, text),
  count: one(2, integer),
  ok: one(3, flag),
  data: one(4, bytes),
  timeNs: one(5, long),
  list: many(6, text),
  labels: mapOf(7, text),
  inside: inner(8, inside),
  insides: many(9, nested(inside)),
  far: one(2000, integer),
});

describe('messages', () => {
  test('are on the wire as the documentation of protobuf has them', () => {
    assert.deepEqual(Buffer.from(message({ a: one(1, integer) }).encode({ a: 150 })), Buffer.from('089601', 'hex'));
    assert.deepEqual(Buffer.from(message({ b: one(2, text) }).encode({ b: 'testing' })), Buffer.from('120774657374696e67', 'hex'));
    assert.deepEqual(
      Buffer.from(message({ c: inner(3, message({ a: one(1, integer) })) }).encode({ c: { a: 150 } })),
      Buffer.from('1a03089601', 'hex'),
    );
    assert.deepEqual(Buffer.from(message({ a: one(1, integer) }).encode({ a: -2 })), Buffer.from('08feffffffffffffffff01', 'hex'));
  });

  test('are read as they were written, whatever they say', () => {
    const values = fc.record({
      word: fc.string({ unit: 'grapheme' }),
      count: fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
      ok: fc.boolean(),
      data: fc.uint8Array(),
      timeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      list: fc.array(fc.string()),
      labels: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
      inside: fc.option(fc.record({ word: fc.string() }, { noNullPrototype: true }), { nil: undefined }),
      insides: fc.array(fc.record({ word: fc.string() }, { noNullPrototype: true })),
      far: fc.nat(),
    });
    fc.assert(
      fc.property(values, (value) => {
        const read = all.decode(all.encode(value));
        assert.deepEqual(
          { ...read, data: [...read.data], labels: { ...read.labels } },
          { ...value, data: [...value.data], labels: { ...value.labels } },
        );
      }),
    );
  });

  test('of newer clients are read without what is unknown', () => {
    const newer = message({ word: one(1, text), more: one(77, text), count: one(78, integer) });
    assert.equal(all.decode(newer.encode({ word: 'w', more: 'x', count: 5 })).word, 'w');
  });

  test('a field of another type than ours is as if it were not there', () => {
    assert.equal(all.decode(message({ word: one(1, integer) }).encode({ word: 5 })).word, '');
  });

  test('what is no message is refused and never read beyond its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        try {
          all.decode(data);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
    for (const hex of ['0a05', '08', '0affffffffffffffffff01', '08ffffffffffffffffffff01', '0b', '00'])
      assert.throws(() => all.decode(Buffer.from(hex, 'hex')), { code: 'BUILDKIT_BAD_MESSAGE' }, hex);
  });

  test('a map has no keys that it was not given', () => {
    const { labels } = all.decode(all.encode({ labels: { ['__proto__']: 'x' } }));
    assert.deepEqual(Object.keys(labels), ['__proto__']);
    assert.equal((labels as { toString?: unknown }).toString, undefined);
  });
});
