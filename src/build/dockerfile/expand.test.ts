import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { expand, expandContent, expandWord } from './expand.ts';

const variables = new Map(
  Object.entries({
    FOO: 'xxyy',
    BAR: '',
    HOME: '/home',
    KOREAN: '한국어',
    STARS: 'a***yy*',
    FILES: '/foo*/*/*.txt',
    NEEDLE: '\\*/',
    PATHS: '/tmp/tmp/bar.txt',
    TMP: '/tmp',
    WORDS: 'one  two three',
    LINES: 'a\nb\nc',
  }),
);
const result = (word: string, escape: '\\' | '`' = '\\'): string => expandWord(word, variables, escape);

describe('a word', () => {
  const cases: readonly (readonly [word: string, result: string])[] = [
    ['hello', 'hello'],
    ['', ''],
    ["he'll'o", 'hello'],
    ["'he$HOME\"\\'", 'he$HOME"\\'],
    ['"he\'ll\'o"', "he'll'o"],
    ['"a\\"b\\$c\\\\d\\e"', 'a"b$c\\d\\e'],
    ['\\a\\$b\\"', 'a$b"'],
    ['a\\', 'a'],
    ['$HOME', '/home'],
    ['he$HOME.x', 'he/home.x'],
    ['"$HOME"x', '/homex'],
    ["'$HOME'", '$HOME'],
    ['${HOME}x', '/homex'],
    ['$NONE.', '.'],
    ['${NONE}', ''],
    ['$', '$'],
    ['$.', '$.'],
    ['a$ b', 'a$ b'],
    ['$$', ''],
    ['$1x', 'x'],
    ['$한국어x', ''],
    ['${KOREAN}', '한국어'],
    ['${FOO:-a}${BAR:-b}${NONE:-c}', 'xxyybc'],
    ['${FOO-a}${BAR-b}${NONE-c}', 'xxyyc'],
    ['${FOO:+a}${BAR:+b}${NONE:+c}', 'a'],
    ['${FOO+a}${BAR+b}${NONE+c}', 'ab'],
    ['${FOO:?a}${BAR?b}', 'xxyy'],
    ['${NONE:-${BAR:-${HOME}}}', '/home'],
    ["${NONE:-'}'}", '}'],
    ['${NONE:-a\\}b}', 'a}b'],
    ['${NONE:-"$FOO"}', 'xxyy'],
    ['${FOO#x}', 'xyy'],
    ['${FOO#*x}', 'xyy'],
    ['${FOO##*x}', 'yy'],
    ['${FOO#$NONE}', 'xxyy'],
    ['${FOO#?}', 'xyy'],
    ['${FOO%y}', 'xxy'],
    ['${FOO%y*}', 'xxy'],
    ['${FOO%%y*}', 'xx'],
    ['${STARS%%\\**\\*}', 'a'],
    ['${FOO%a}', 'xxyy'],
    ['${FOO[}', 'error'],
    ['${FILES/$NEEDLE/.} ${FILES//$NEEDLE/.}', '/foo.*/*.txt /foo..*.txt'],
    ['${PATHS/$TMP/} ${PATHS//$TMP/}', '/tmp/bar.txt /bar.txt'],
    ['${PATHS//\\//\\/}', '\\/tmp\\/tmp\\/bar.txt'],
    ['${FOO/?/$HOME}', '/homexyy'],
    ['${FOO/$BAR/w}', 'wxxyy'],
    ['${FOO//$BAR/-}', '-x-x-y-y-'],
    ['${FOO///}', 'xxyy'],
    ['${LINES#*c}', 'a\nb\nc'],
  ];
  for (const [word, expected] of cases) {
    test(`${JSON.stringify(word)} is ${JSON.stringify(expected)}`, () => {
      if (expected === 'error') assert.throws(() => result(word), { code: 'BUILD_BAD_DOCKERFILE' });
      else assert.equal(result(word), expected);
    });
  }

  test('has another escape character where the file says so', () => {
    assert.equal(result('C:\\dir\\$FOO`$FOO', '`'), 'C:\\dir\\xxyy$FOO');
    assert.equal(result('"a`"b\\"', '`'), 'a"b\\');
  });

  test('that means nothing is refused in words that say why', () => {
    const errors: readonly (readonly [string, RegExp])[] = [
      ["'a", /failed to process "'a": unexpected end of statement while looking for matching single-quote/],
      ['"a', /looking for matching double-quote/],
      ['${', /missing '}'/],
      ['${FOO', /missing '}'/],
      ['${FOO:-a', /missing '}'/],
      ['${FOO/a', /missing '\/' in \$\{\}/],
      ['${FOO/a/b', /missing '}'/],
      ['${}', /bad substitution/],
      ['${:-a}', /bad substitution/],
      ['${{FOO}}', /bad substitution/],
      ['${FOO=a}', /unsupported modifier \(=\)/],
      ['${FOO:=a}', /unsupported modifier \(:=\)/],
      ['${#FOO}', /unsupported modifier \(F\)/],
      ['${NONE?}', /NONE: is not allowed to be unset/],
      ['${BAR:?}', /BAR: is not allowed to be empty/],
      ['${NONE:?need $FOO}', /NONE: need xxyy/],
      ['${FOO#\\x}', /invalid pattern \(\\x\) in substitution: invalid escape '\\x'/],
    ];
    for (const [word, message] of errors) assert.throws(() => result(word), { message, kind: 'invalid-argument' }, word);
  });

  test('tells which variables it used and which it missed', () => {
    const { used, missing } = expand('$FOO ${BAR:-$HOME} ${NONE:-x} $NONE2', { variables, escape: '\\' });
    assert.deepEqual(
      [[...used], [...missing]],
      [
        ['FOO', 'HOME', 'BAR'],
        ['NONE', 'NONE2'],
      ],
    );
  });

  test('is cut at white space that is not quoted, after expansion', () => {
    const { words } = expand('a "b c" $WORDS "$WORDS" d\\ e', { variables, escape: '\\' });
    assert.deepEqual(words, ['a', 'b c', 'one', 'two', 'three', 'one  two three', 'd e']);
  });

  test('of a heredoc keeps its quotes', () => {
    assert.equal(expandContent('"$FOO" \'$FOO\' \\$FOO "\n', variables).text, '"xxyy" \'xxyy\' $FOO "\n');
  });
});

describe('expansion', () => {
  test('is bounded in depth, size and time', () => {
    assert.throws(() => result('${A:-'.repeat(500) + '}'.repeat(500)), /nested too deeply/);
    const big = new Map([['A', 'x'.repeat(100_000)]]);
    assert.throws(() => expandWord('$A'.repeat(100), big, '\\'), /expands to more than/);
    const stars = new Map([['A', 'a'.repeat(20_000)]]);
    assert.throws(() => expandWord('${A//a*a*a*a*a*b/}', stars, '\\'), /takes too long to match/);
    assert.equal(expandWord(`\${A##${'*a'.repeat(200)}b}`, stars, '\\').length, 20_000);
  });

  test('never fails with anything but a sentence', () => {
    const piece = fc.constantFrom('$', '{', '}', ':', '-', '+', '?', '#', '%', '/', '*', '"', "'", '\\', 'FOO', 'BAR', ' ', '\0', '\ud800');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        try {
          result(pieces.join(''));
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
      { numRuns: 5000 },
    );
  });

  // Where a Dockerfile means what POSIX means: operands of letters and stars, no nesting in patterns.
  test('does what sh does', (context) => {
    const shell = '/bin/sh';
    if (spawnSync(shell, ['-c', 'true']).status !== 0) return context.skip('no /bin/sh');
    const value = fc.stringMatching(/^[ab./]{0,6}$/);
    const word = fc.stringMatching(/^[ab./]{0,4}$/);
    const pattern = fc.stringMatching(/^[ab.*?]{0,4}$/);
    const reference = fc.oneof(
      fc.constantFrom('$SET', '${SET}', '$EMPTY', '$UNSET', '"$SET"', "'$SET'", '\\$SET', '"\\$SET"', '"\\a"', '\\a'),
      fc
        .tuple(fc.constantFrom('SET', 'EMPTY', 'UNSET'), fc.constantFrom(':-', '-', ':+', '+'), word)
        .map(([name, modifier, text]) => `\${${name}${modifier}${text}}`),
      fc
        .tuple(fc.constantFrom('SET', 'EMPTY'), fc.constantFrom('#', '##', '%', '%%'), pattern)
        .map(([name, modifier, text]) => `\${${name}${modifier}${text}}`),
      word,
    );
    const samples = fc.sample(fc.record({ value, words: fc.array(reference, { minLength: 1, maxLength: 4 }) }), 400);
    // Unquoted, sh would cut the results into words.
    const quote = (text: string): string => (/["'\\]/.test(text) ? text : `"${text}"`);
    const script = samples.map(({ value, words }) => `SET='${value}' EMPTY=''; printf '%s\\n' ${words.map(quote).join(',')}`);
    const told = spawnSync(shell, [], { input: script.join('\n'), encoding: 'utf8' });
    const expected = told.stdout.split('\n');
    for (const [index, { value, words }] of samples.entries()) {
      const known = new Map([
        ['SET', value],
        ['EMPTY', ''],
      ]);
      assert.equal(expandWord(words.join(','), known, '\\'), expected[index], `${words.join(' ')} with SET=${value}`);
    }
  });

  // sh has no replacement; bash agrees wherever the pattern has no brackets.
  test('replaces what bash replaces', (context) => {
    if (spawnSync('bash', ['-c', 'true']).status !== 0) return context.skip('no bash');
    const value = fc.stringMatching(/^[ab.]{0,6}$/);
    const pattern = fc.stringMatching(/^[ab.*?]{1,3}$/);
    const replacement = fc.stringMatching(/^[xy]{0,2}$/);
    const samples = fc.sample(fc.tuple(value, fc.constantFrom('/', '//'), pattern, replacement), 400);
    const words = samples.map(([, sign, from, to]) => `\${V${sign}${from}/${to}}`);
    const script = samples.map(([text], index) => `V='${text}'; printf '%s\\n' "${words[index]}"`);
    const expected = spawnSync('bash', [], { input: script.join('\n'), encoding: 'utf8' }).stdout.split('\n');
    for (const [index, [text]] of samples.entries()) {
      const word = words[index] ?? '';
      assert.equal(expandWord(word, new Map([['V', text]]), '\\'), expected[index], `${word} with V=${text}`);
    }
  });
});
