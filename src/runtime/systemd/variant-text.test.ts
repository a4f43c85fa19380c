import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseVariantText } from './variant-text.ts';
import { createWriter, encodeValues } from './values.ts';

test('the text format of variants', () => {
  const read = (text: string): unknown => {
    const variant = parseVariantText(text);
    return variant === null ? null : [variant.signature, variant.value];
  };
  assert.deepEqual(read('true'), ['b', true]);
  assert.deepEqual(read(' 5 '), ['i', 5]);
  assert.deepEqual(read('-0x10'), ['i', -16]);
  assert.deepEqual(read('010'), ['i', 8]);
  assert.deepEqual(read('uint64 18446744073709551615'), ['t', 2n ** 64n - 1n]);
  assert.deepEqual(read('byte 0xff'), ['y', 255]);
  assert.deepEqual(read('1.5'), ['d', 1.5]);
  assert.deepEqual(read('double 2'), ['d', 2]);
  assert.deepEqual(read('"a \\"b\\" \\u00fc"'), ['s', 'a "b" ü']);
  assert.deepEqual(read("objectpath '/a'"), ['o', '/a']);
  assert.deepEqual(read('[uint32 1, 2]'), ['au', [1, 2]]);
  assert.deepEqual(read("['a', 'b']"), ['as', ['a', 'b']]);
  assert.deepEqual(read('@as []'), ['as', []]);
  assert.deepEqual(read('[[1], [2, 3]]'), ['aai', [[1], [2, 3]]]);
  for (const text of [
    '',
    '[]',
    'text',
    "'open",
    '[1, true]',
    '2147483648',
    'byte 256',
    'uint32 -1',
    '1 2',
    '(1, 2)',
    '{1: 2}',
    'uint32 true',
    '@au ["a"]',
    '09',
    '['.repeat(99),
  ])
    assert.equal(read(text), null, text);
});

test('whatever text is given, a value that is read can be sent', () => {
  const word = fc.constantFrom('[', ']', ',', ' ', 'uint32', 'byte', '@as', '1', '-2', "'x'", '"', 'true', '1e9', 'inf');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
      ),
      (text) => {
        const variant = parseVariantText(text);
        if (variant !== null) encodeValues(createWriter(), 'v', [variant]);
      },
    ),
    { numRuns: 1000 },
  );
});
