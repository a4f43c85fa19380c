import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isJsonArray, parseJsonWords } from './json.ts';
import { findNearest, suggestion } from './suggest.ts';
import { cutFlags, splitWords } from './words.ts';

describe('words', () => {
  const table: readonly (readonly [text: string, words: readonly string[]])[] = [
    ['', []],
    ['foo', ['foo']],
    [' foo\t bar ', ['foo', 'bar']],
    ['foo\\ bar', ['foo\\ bar']],
    ['a=b c="d  e" f=\'g h\'', ['a=b', 'c="d  e"', "f='g h'"]],
    ['name="value\'quote space\'value2"', ['name="value\'quote space\'value2"']],
    ['name="a\\"b c"', ['name="a\\"b c"']],
    ["name='a\\' b'", ["name='a\\'", "b'"]],
    ["name='a\\'b''", ["name='a\\'b''"]],
    ['a="open b', ['a="open b']],
    ['a\\', ['a']],
    ['\\', []],
    ['""', ['""']],
    ['föo bàr "âbc xÿz"', ['föo', 'bàr', '"âbc xÿz"']],
    ['a\u00a0b\u3000c', ['a', 'b', 'c']],
  ];
  for (const [text, words] of table) test(JSON.stringify(text), () => assert.deepEqual(splitWords(text, '\\'), words));

  test('are kept together by the file’s own escape character', () => {
    assert.deepEqual(splitWords('a` b c\\ d "e`" f"', '`'), ['a` b', 'c\\', 'd', '"e`" f"']);
  });
});

describe('flags', () => {
  test('are words that begin with two dashes, quotes and backslashes resolved', () => {
    assert.deepEqual(cutFlags('--a --b="c d" --e=\'f\'g --h=i\\ j k --l'), {
      flags: ['--a', '--b=c d', '--e=fg', '--h=i j'],
      rest: 'k --l',
    });
    assert.deepEqual(cutFlags(' -a'), { flags: [], rest: '-a' });
    assert.deepEqual(cutFlags('--a\\'), { flags: ['--a'], rest: '' });
  });

  test('end with two dashes alone', () => {
    assert.deepEqual(cutFlags('--a -- --b c'), { flags: ['--a'], rest: ' --b c' });
    assert.deepEqual(cutFlags('--'), { flags: [], rest: '' });
  });
});

describe('the exec form', () => {
  test('is a JSON array of strings', () => {
    for (const [text, words] of [
      ['[]', []],
      ['\t[\t"a",\t"b"\t]\t', ['a', 'b']],
      ['["abc 123", "♥", "\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000"]', ['abc 123', '♥', '" \\ / \b \f \n \r \t \u0000']],
    ] as const) {
      assert.deepEqual(parseJsonWords(text), words);
    }
  });

  test('is not what is no JSON, nor another value', () => {
    for (const text of ['', 'a', "['a']", '["a",]', '["a"] b', '{"a":1}', '"a"', '[ -f a ]']) {
      assert.equal(parseJsonWords(text), undefined, text);
      assert.equal(isJsonArray(text), false, text);
    }
  });

  test('of other things than strings is refused', () => {
    for (const item of ['42', '1.5', '{}', '["c"]', 'true', 'null'])
      assert.throws(() => parseJsonWords(`["a",${item}]`), /comprised of strings only/, item);
  });
});

describe('a suggestion', () => {
  test('is the nearest known word within two edits', () => {
    assert.equal(findNearest('form', ['from', 'chown', 'chmod']), 'from');
    assert.equal(findNearest('chon', ['chown', 'chmod']), 'chown');
    assert.equal(findNearest('xyz', ['from', 'chown']), undefined);
    assert.equal(findNearest('RUNN', ['run'], { ignoreCase: true }), 'run');
    assert.equal(suggestion('abc', ['abd']), ' (did you mean abd?)');
  });

  test('is none for a word that is known', () => assert.equal(suggestion('abc', ['abd', 'abc']), ''));
});
