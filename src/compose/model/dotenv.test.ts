import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseDotenv, parseRawEnvironment } from './dotenv.ts';

const none = (): undefined => undefined;

describe('files of variables', () => {
  test('have comments, quotes, lines within quotes and other variables', () => {
    const text = `# comment\nexport A=1 # x\nB: two\nC='raw $A'\nD="x\\n$A"\nE="l1\nl2"\nF=a#b\nG=\n H = h \nI=\${A}-\${NO:-d}\r\nJ='it\\'s'`;
    assert.deepEqual(Object.fromEntries(parseDotenv(text, { lookup: none })), {
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
    assert.deepEqual([...parseDotenv('A\nB\n', { lookup: (name) => (name === 'A' ? 'a' : undefined) })], [['A', 'a']]));

  test('have octal escapes, line ends of both kinds, and comments only behind a space', () =>
    assert.deepEqual(
      [...parseDotenv('A="\\0101\r\nB"\r\nC=#x\nD= #x\nE=a#b # c', { lookup: none })],
      [
        ['A', 'A\r\nB'],
        ['C', '#x'],
        ['D', '#x'],
        ['E', 'a#b'],
      ],
    ));

  test('tell of variables that nothing has', () => {
    const missing: string[] = [];
    parseDotenv('A=$NO\nB=${NO:-b}$A', { lookup: none, onMissing: (name) => missing.push(name) });
    assert.deepEqual(missing, ['NO']);
  });

  test('that are raw are refused for a name with a space, or none', () => {
    assert.throws(() => parseRawEnvironment('A =1', none), { message: "line 1: variable 'A ' contains whitespaces" });
    assert.throws(() => parseRawEnvironment('=1', none), { message: "line 1: no variable name on line '=1'" });
  });

  test('name the line that is wrong', () => {
    assert.throws(() => parseDotenv('A=1\nB="x', { lookup: none }), { message: 'line 2: a quote does not end' });
    assert.throws(() => parseDotenv('A=1\n\n=x', { lookup: none }), { message: 'line 3: unexpected character in a variable name' });
    assert.throws(() => parseDotenv('A=${', { lookup: none }), /^Error: line 1: invalid interpolation/);
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
          parseDotenv(parts.join(''), { lookup: none });
        } catch (error) {
          assert.match((error as Error).message, /^line \d+: /);
        }
      }),
    );
  });
});
