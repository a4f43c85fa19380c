import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatJson, parseJson } from './text.ts';

const limits = { name: 'test', maxBytes: 1000 };

test('64-bit numbers keep all their bits both ways', () => {
  const text = '{"all":18446744073709551615,"small":7,"negative":-9223372036854775808,"text":"12345678901234567890"}';
  const value = parseJson(text, limits) as Record<string, unknown>;
  assert.equal(value['all'], 18446744073709551615n);
  assert.equal(value['negative'], -9223372036854775808n);
  assert.equal(value['small'], 7);
  assert.equal(value['text'], '12345678901234567890');
  assert.equal(formatJson(value), text);
});

test('deep nesting is an error or a value, never a crash', () => {
  const deep = '['.repeat(1_000_000);
  assert.throws(() => parseJson(deep, { name: 'deep', maxBytes: 2_000_000 }), /deep: /);
});
