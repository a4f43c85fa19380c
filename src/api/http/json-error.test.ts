import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { describeJsonError } from './json-error.ts';

describe('what is no JSON is told in the words of Go’s decoder', () => {
  const cases: readonly (readonly [text: string, words: string])[] = [
    ['{invalid json', "invalid character 'i' looking for beginning of object key string"],
    ['{} trailing content', 'unexpected content after JSON'],
    ['{"a":1}{', 'unexpected content after JSON'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"', "invalid character '\"' after object key:value pair"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['[1 2]', "invalid character '2' after array element"],
    ["['a']", "invalid character '\\'' looking for beginning of value"],
    ['[}', "invalid character '}' looking for beginning of value"],
    ['{"a":[1}', "invalid character '}' after array element"],
    ['[tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['[-x', "invalid character 'x' in numeric literal"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\q"', "invalid character 'q' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['{"a":', 'unexpected EOF'],
    ['"abc', 'unexpected EOF'],
    ['"\\\\', 'unexpected EOF'],
  ];
  for (const [text, words] of cases) test(text, () => assert.equal(describeJsonError(text), words));

  test('but of JSON there is nothing to tell', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => assert.equal(describeJsonError(text), null)),
      { examples: [['"\\\\u"'], ['{"\\\\\\\\u00":0}']] },
    );
  });

  test('and whatever it is, something is told of it exactly when it is none', () => {
    const isJson = (text: string): boolean => {
      try {
        return JSON.parse(text) !== undefined;
      } catch {
        return false;
      }
    };
    const hostile = fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0aetrfnul-1.5 \n\u0001é😀'), maxLength: 12 });
    fc.assert(
      fc.property(hostile, (text) => assert.equal(describeJsonError(text) === null, isJson(text), text)),
      { numRuns: 2000 },
    );
  });

  test('also of what is nested deeper than any stack', () => {
    assert.equal(describeJsonError('['.repeat(1_000_000)), 'unexpected EOF');
  });
});
