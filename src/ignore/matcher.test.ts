import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createIgnoreMatcher, parseIgnoreFile } from './matcher.ts';

describe('a pattern', () => {
  const table: readonly (readonly [pattern: string, path: string, excludes: boolean])[] = [
    ['**', 'a', true],
    ['**', 'a/b', true],
    ['**/', 'a/b', true],
    ['**/**', 'a/b', true],
    ['a/**', 'a/b', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false],
    ['**/a', 'a', true],
    ['**/a', 'b/a', true],
    ['**/a', 'b/c/a', true],
    ['**/a', 'a/b', true],
    ['**/a', 'ba', false],
    ['**a', 'b/ca', true],
    ['**/a/*', 'b/a/c', true],
    ['**/a/*', 'b/a', false],
    ['**/a/**', 'b/a/c/d', true],
    ['**/*.txt', 'a.txt', true],
    ['**/**/*.txt', 'a/b/c.txt', true],
    ['**/**/*.txt2', 'a/b/c.txt', false],
    ['a**/*.txt', 'a/b/c/d.txt', true],
    ['a**/*.txt', 'ab/c.txt', true],
    ['a/*.txt', 'a/b/c.txt', false],
    ['a/*.txt**', 'a/b.txt', true],
    ['*', 'a/b', true],
    ['*.go', 'a.go', true],
    ['*.go', 'a/b.go', false],
    ['a[b-d]e', 'ace', true],
    ['a[b-d]e', 'ae', false],
    ['a[^b-d]e', 'aze', true],
    ['a[^b-d]e', 'ace', false],
    ['[\\]a]', ']', true],
    ['[\\-x]', '-', true],
    ['a?b', 'a☺b', true],
    ['a?b', 'a/b', false],
    ['a???b', 'a☺b', false],
    ['a[^a]b', 'a☺b', true],
    ['[a-ζ]*', 'α', true],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['.*', '.a', true],
    ['.*', 'a', false],
    ['a.b', 'aXb', false],
    ['a(b)c/d', 'a(b)c/d', true],
    ['a.|)$(}+{bc', 'a.|)$(}+{bc', true],
    ['/a', 'a', true],
    ['./a//b/../c/', 'a/c', true],
    ['a', 'a/b/c', true],
    ['a', 'b/a', false],
    ['a/b', 'a', false],
    ['.', 'a', false],
  ];
  for (const [pattern, path, expected] of table) {
    test(`${pattern} ${expected ? 'excludes' : 'leaves'} ${path}`, () => assert.equal(parseIgnoreFile(pattern).excludes(path), expected));
  }

  test('that cannot be read is refused', () => {
    for (const pattern of ['[', '[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', '[^', '[^bc', 'a[', '\\', '[z-a]', '!', '! ']) {
      assert.throws(() => parseIgnoreFile(pattern), { code: 'BUILD_BAD_IGNORE_FILE', kind: 'invalid-argument' }, pattern);
    }
  });

  test('takes no more time than its length times the path’s', () => {
    const { excludes } = parseIgnoreFile(`${'*a'.repeat(200)}b\n${'**/a/'.repeat(100)}b`);
    assert.equal(excludes('a'.repeat(4000)), false);
    assert.equal(excludes('a/'.repeat(300)), false);
  });
});

describe('an ignore file', () => {
  test('has comments at the very start of lines, and blanks around patterns', () => {
    const { excludes } = parseIgnoreFile('\ufeff a \r\n#b\n #c\n\n\td\n');
    assert.deepEqual(['a', 'b', '#b', 'c', '#c', 'd'].map(excludes), [true, false, false, false, true, true]);
  });

  test('lets the last pattern decide that matches the path or a directory above', () => {
    const { excludes } = parseIgnoreFile('docs\n! /docs/README.md\n**/*.tmp\n!keep\n');
    const paths = ['docs', 'docs/a', 'docs/README.md', 'a.tmp', 'docs/README.md/a.tmp', 'keep/a.tmp', 'src'];
    assert.deepEqual(paths.map(excludes), [true, true, false, true, true, false, false]);
    assert.equal(parseIgnoreFile('!a\n*').excludes('a'), true);
  });

  test('never hides the whole context', () => {
    const matcher = parseIgnoreFile('*\n.');
    assert.deepEqual(
      [matcher.excludes('.'), matcher.excludes(''), matcher.excludesAll, matcher.hasExceptions],
      [false, false, true, false],
    );
  });

  test('tells where an exception may bring something back', () => {
    const { mayContain } = parseIgnoreFile('*\n!src/**/*.ts\n!a/b\n!c?/d');
    const directories = ['src', 'src/x', 'a', 'a/b', 'a/bc', 'a/x', 'cx', 'cxx', 'other', '.'];
    assert.deepEqual(directories.map(mayContain), [true, true, true, false, false, false, true, false, false, true]);
    assert.equal(parseIgnoreFile('*\n!**/x').mayContain('deep/down'), true);
    assert.equal(parseIgnoreFile('*').mayContain('a'), false);
  });

  test('is bounded', () => {
    assert.throws(() => parseIgnoreFile('a\n'.repeat(10_001)), { code: 'BUILD_BAD_IGNORE_FILE' });
    assert.throws(() => parseIgnoreFile('a'.repeat(5000)), { code: 'BUILD_BAD_IGNORE_FILE' });
    assert.throws(() => parseIgnoreFile(' '.repeat(2 ** 20 + 1)), { code: 'BUILD_BAD_IGNORE_FILE' });
  });
});

/** The rules again, by trying all ways: slow, plain, and only for patterns without the suffix quirk of a leading `**`. */
function naively(patterns: readonly string[], path: string): boolean {
  const matches = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === '';
    if (pattern === '**') return true;
    if (pattern.startsWith('**')) {
      const rest = pattern.slice(pattern[2] === '/' ? 3 : 2);
      if (rest === '' || matches(rest, text)) return true;
      return [...text].some((character, index) => character === '/' && matches(rest, text.slice(index + 1)));
    }
    if (pattern.startsWith('*')) {
      return matches(pattern.slice(1), text) || (text !== '' && text[0] !== '/' && matches(pattern, text.slice(1)));
    }
    return text !== '' && (pattern[0] === '?' ? text[0] !== '/' : pattern[0] === text[0]) && matches(pattern.slice(1), text.slice(1));
  };
  const parts = path.split('/');
  let excluded = false;
  for (const pattern of patterns) {
    const isException = pattern.startsWith('!');
    const bare = isException ? pattern.slice(1) : pattern;
    if (parts.some((_part, index) => matches(bare, parts.slice(0, index + 1).join('/')))) excluded = !isException;
  }
  return excluded;
}

const segment = fc.stringMatching(/^[ab*?]{1,3}$/).filter((text) => !text.includes('***'));
const pattern = fc
  .tuple(fc.constantFrom('', '!'), fc.array(segment, { minLength: 1, maxLength: 3 }))
  .map(([mark, segments]) => `${mark}a${segments.join('/')}`)
  .filter((text) => !text.includes('***'));
const path = fc.array(fc.stringMatching(/^[ab]{1,3}$/), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

describe('matching', () => {
  test('is what a plain reading of the rules says', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 4 }), path, (patterns, candidate) => {
        assert.equal(
          createIgnoreMatcher(patterns).excludes(candidate),
          naively(patterns, candidate),
          `${patterns.join(' ')} on ${candidate}`,
        );
      }),
      { numRuns: 3000 },
    );
  });

  test('says of no directory that nothing below can come back when something does', () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 4 }), path, path, (patterns, directory, below) => {
        const matcher = createIgnoreMatcher(patterns);
        if (matcher.excludes(directory) && !matcher.excludes(`${directory}/${below}`)) assert.ok(matcher.mayContain(directory));
      }),
      { numRuns: 3000 },
    );
  });
});
