import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { createNameMatcher } from './match.ts';

/** Cases of Go's path/filepath match_test.go, as far as they are about single names. */
const table: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'abc', true],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['[a-ζ]*', 'α', true],
  ['*[a-ζ]', 'A', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', 'z', false],
  ['*x', 'xxx', true],
  ['', '', true],
  ['*', '', true],
  ['?', '', false],
];

describe('a name and a pattern', () => {
  for (const [pattern, name, matches] of table)
    test(`${pattern} ${matches ? 'takes' : 'leaves'} ${name}`, () => assert.equal(createNameMatcher(pattern)(name), matches));

  for (const pattern of ['[]a]', '[-]', '[x-]', '[-x]', '\\', '[a-b-c]', '[', '[^', 'a['])
    test(`${pattern} is none`, () =>
      assert.throws(
        () => createNameMatcher(pattern),
        (error) => isOrlopError(error, 'invalid-argument'),
      ));

  test('many stars take no time that grows with them', () => {
    assert.equal(createNameMatcher(`${'a*'.repeat(120)}b`)('a'.repeat(255)), false);
  });
});
