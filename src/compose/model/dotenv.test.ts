import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseDotenv, parseRawEnvironment } from './dotenv.ts';

const none = (): undefined => undefined;

describe('files of variables', () => {
  test('have comments, quotes, lines within quotes and other variables', () => {
    const text = `# comment\nexport A=1 # x\nB: two\nC='raw $A'\nD="x\\n$A"\nE="l1\nl2"\nF=a#b\nG=\n H = h \nI=\${A}-\${NO:-d}\r\nJ='it\\'s'`;
    assert.deepEqual(Object.fromEntries(parseDotenv(text, none)), {
      A: '1',
      B: 'two',
      C: 'raw $A',
      D: 'x\n1',
      E: 'l1\nl2',
      F: 'a#b',
      G: '',
      H: 'h',
      I: '1-d',
      J: "it's",
    });
  });

  test('take a key without value from the environment, where it has one', () =>
    assert.deepEqual([...parseDotenv('A\nB\n', (name) => (name === 'A' ? 'a' : undefined))], [['A', 'a']]));

  test('name the line that is wrong', () => {
    assert.throws(() => parseDotenv('A=1\nB="x', none), { message: 'line 2: a quote does not end' });
    assert.throws(() => parseDotenv('A=1\n\n=x', none), { message: 'line 3: unexpected character in a variable name' });
    assert.throws(() => parseDotenv('A=${', none), /^Error: line 1: invalid interpolation/);
  });

  test('that are raw are taken as they are', () =>
    assert.deepEqual(
      [...parseRawEnvironment('# c\nA="$x" # y\nB\nC\n', (name) => (name === 'B' ? 'b' : undefined))],
      [
        ['A', '"$x" # y'],
        ['B', 'b'],
      ],
    ));

  test('end in variables or an error, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('A', '=', '\n', '"', "'", '\\', '$', '{', '}', ' ', '#', ':'), { maxLength: 40 }), (parts) => {
        try {
          parseDotenv(parts.join(''), none);
        } catch (error) {
          assert.match((error as Error).message, /^line \d+: /);
        }
      }),
    );
  });
});
