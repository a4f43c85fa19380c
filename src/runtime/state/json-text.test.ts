import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { parseJson } from '#oci';
import { toJsonText } from './json-text.ts';

const parse = (bytes: Buffer): unknown => parseJson(toJsonText(bytes), { name: 'a.json', maxBytes: 100 });

test('JSON is read from bytes as it is from text, whatever letters it has', () => {
  assert.deepEqual(parse(Buffer.from('{"ä":"€😀"}')), { ä: '€😀' });
  assert.equal(parse(Buffer.from('"\u{FFFD}"')), '\u{FFFD}');
  assert.equal(parse(Buffer.from('\u{FEFF}1')), 1);
});

test('what is no UTF-8 is refused, not replaced', () => {
  assert.throws(
    () => parse(Buffer.from([0x22, 0xff, 0x22])),
    (error) => isOrlopError(error, 'invalid-argument') && /not UTF-8/.test(error.message),
  );
});
