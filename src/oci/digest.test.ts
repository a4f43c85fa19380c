import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { digestAlgorithm, digestHex, formatDigest, isDigest, parseDigest, shortDigest } from './digest.ts';

const hex = 'a1'.repeat(32);

test('a digest is an algorithm and its hexadecimal value', () => {
  const digest = parseDigest(`sha256:${hex}`);
  assert.equal(digestAlgorithm(digest), 'sha256');
  assert.equal(digestHex(digest), hex);
  assert.equal(shortDigest(digest), 'a1a1a1a1a1a1');
  assert.equal(formatDigest('sha512', 'b2'.repeat(64)), `sha512:${'b2'.repeat(64)}`);
});

test('anything else is refused by name', () => {
  const bad = [
    '',
    'sha256',
    `sha256:${hex.slice(1)}`,
    `sha256:${hex.toUpperCase()}`,
    `md5:${'a'.repeat(32)}`,
    `sha256:../../${hex}`,
    `__proto__:${hex}`,
    `sha256:${hex}\n`,
  ];
  for (const text of bad) {
    assert.equal(isDigest(text), false, text);
    assert.throws(
      () => parseDigest(text),
      (error) => isOrlopError(error, 'invalid-argument') && error.message.includes(JSON.stringify(text)),
    );
  }
});
