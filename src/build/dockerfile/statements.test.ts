import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { maxDockerfileLength, readStatements, splitStatement } from './statements.ts';

const texts = (source: string): string[] => readStatements(source).statements.map(({ text }) => text);
const lines = (source: string): string[] => readStatements(source).statements.map(({ lines: { first, last } }) => `${first}-${last}`);

describe('parser directives', () => {
  test('are read from the top, in any case and with any blanks', () => {
    const { directives, statements } = readStatements('# Syntax = docker/dockerfile:1 \n#escape=`\n#check=skip=all;error=true\nFROM a\n');
    assert.deepEqual(directives, { syntax: 'docker/dockerfile:1', escape: '`', check: 'skip=all;error=true' });
    assert.deepEqual(statements[0]?.comments, []);
  });

  test('end with the first comment, empty line, instruction or unknown name', () => {
    for (const before of ['# a comment', '', 'FROM a', '# unknown=1']) {
      assert.equal(readStatements(`${before}\n# escape=\`\nFROM a\n`).directives.escape, '\\', before);
    }
  });

  test('may follow a byte order mark and an interpreter line', () => {
    assert.equal(readStatements('\ufeff# escape=`\nFROM a').directives.escape, '`');
    assert.equal(readStatements('#!/usr/bin/env build\n# syntax=x\nFROM a').directives.syntax, 'x');
  });

  test('are refused twice and with an escape character that is none', () => {
    assert.throws(() => readStatements('# escape=`\n# escape=\\\nFROM a'), /only one escape parser directive can be used/);
    assert.throws(() => readStatements('# escape=x\nFROM a'), /invalid escape token 'x' does not match ` or \\/);
  });
});

describe('lines', () => {
  test('are joined where they end with the escape character, blanks behind it or not', () => {
    assert.deepEqual(texts('RUN a \\\n  b\\ \t\nc\n'), ['RUN a   bc']);
    assert.deepEqual(texts('# escape=`\nRUN a `\n b \\\nRUN c'), ['RUN a  b \\', 'RUN c']);
  });

  test('are not joined where the escape character is itself escaped', () => {
    assert.deepEqual(texts('RUN a \\\\\nRUN b'), ['RUN a \\\\', 'RUN b']);
    assert.deepEqual(texts('RUN a \\\n\\\nb'), ['RUN a b']);
  });

  test('leave comments and empty lines between continuation lines out, and remember the empty ones', () => {
    const source = 'RUN a \\\n# comment\n   # another\n b \\\n\n \t\nc\n\nRUN d\n';
    assert.deepEqual(texts(source), ['RUN a  b c', 'RUN d']);
    assert.deepEqual(readStatements(source).emptyContinuations, [7]);
    assert.deepEqual(lines(source), ['1-7', '9-9']);
  });

  test('keep a number sign inside, and white space at the end', () => {
    assert.deepEqual(texts('  RUN a # b  \n'), ['RUN a # b  ']);
  });

  test('may end with carriage returns, and the last with nothing', () => {
    assert.deepEqual(texts('FROM a\r\nRUN b \\\r\n c\\'), ['FROM a', 'RUN b  c']);
  });

  test('may have comments above, which an empty comment and an instruction end', () => {
    const comments = readStatements('# one\n\n# two\nFROM a\n# three\n#\n# four\nRUN b\nRUN c').statements.map((each) => each.comments);
    assert.deepEqual(comments, [['one', 'two'], ['four'], []]);
  });
});

describe('heredocs', () => {
  const heredocs = (source: string): unknown => readStatements(source).statements[0]?.heredocs;
  const one = (name: string, content: string, flags: { expand?: boolean; chomp?: boolean } = {}): unknown => [
    { name, content, expand: true, chomp: false, ...flags },
  ];

  test('are read up to a line that is their name', () => {
    assert.deepEqual(heredocs('RUN <<EMPTY\nEMPTY\n'), one('EMPTY', ''));
    assert.deepEqual(heredocs('RUN 3<<FD\n a\n\nFD\n'), one('FD', ' a\n\n'));
    assert.deepEqual(heredocs('RUN cat <<E > x\n# not a comment\nb \\\nE\n'), one('E', '# not a comment\nb \\\n'));
    assert.deepEqual(heredocs('COPY <<file.txt /dest\nhi\r\nfile.txt\r\n'), one('file.txt', 'hi\r\n'));
  });

  test('take any quoting in the name for "do not expand"', () => {
    assert.deepEqual(heredocs("RUN <<'E'\n$x\nE"), one('E', '$x\n', { expand: false }));
    assert.deepEqual(heredocs('RUN <<E"O"F\nEOF'), one('EOF', '', { expand: false }));
    assert.deepEqual(heredocs("RUN <<eo\\'f\neo'f"), one("eo'f", ''));
    assert.deepEqual(heredocs("RUN <<'one two'\none two"), one('one two', '', { expand: false }));
    assert.deepEqual(heredocs('RUN <<$EOF\n$EOF'), one('$EOF', ''));
  });

  test('with a dash end at a name behind tabs, and keep their tabs until they are used', () => {
    assert.deepEqual(heredocs('RUN <<-E\n\ta\n\tE\n'), one('E', '\ta\n', { chomp: true }));
    assert.deepEqual(heredocs("RUN <<-'E'\n\t\tE\n"), one('E', '', { expand: false, chomp: true }));
  });

  test('follow each other in the order that they are announced in', () => {
    const { statements } = readStatements('COPY <<X <<Y /dest\nY\nX\nX\nY\nRUN a');
    assert.deepEqual(
      statements.map((each) => [each.text, each.heredocs.map(({ name, content }) => name + content), each.lines.last]),
      [
        ['COPY <<X <<Y /dest', ['XY\n', 'YX\n'], 5],
        ['RUN a', [], 6],
      ],
    );
  });

  test('may have blanks before the name', () => {
    assert.deepEqual(heredocs('RUN <<  EOF  > foo\nEOF'), one('EOF', ''));
    assert.deepEqual(heredocs('RUN << -EOF\n-EOF'), one('-EOF', ''));
  });

  test('are none in quotes, in JSON, in other instructions, and with three signs', () => {
    for (const line of ['RUN "<<E"', "RUN '<<E'", 'RUN ["<<E"]', 'USER <<E', 'CMD <<E', 'RUN cat <<<E', 'RUN <<', 'RUN a < <b']) {
      assert.deepEqual(heredocs(`${line}\nRUN x`), [], line);
    }
  });

  test('belong to triggers too', () => {
    assert.deepEqual(heredocs('ONBUILD RUN <<E\na\nE'), one('E', 'a\n'));
    assert.deepEqual(heredocs('onbuild copy --link <<E /x\na\nE'), one('E', 'a\n'));
  });

  test('that do not end are refused where they begin', () => {
    assert.throws(() => readStatements('FROM a\nRUN <<E\nb\n'), {
      message: 'unterminated heredoc',
      details: { lines: { first: 2, last: 3 }, excerpt: '   1 |     FROM a\n   2 | >>> RUN <<E\n   3 | >>> b\n   4 |\n' },
    });
  });
});

describe('statements', () => {
  test('are cut into keyword, flags and arguments', () => {
    assert.deepEqual(splitStatement('Copy  --from=a\t--x="b c"  --y=d\\ e src dst '), {
      keyword: 'Copy',
      flags: ['--from=a', '--x=b c', '--y=d e'],
      rest: 'src dst',
    });
    assert.deepEqual(splitStatement('RUN -- --a'), { keyword: 'RUN', flags: [], rest: '--a' });
    assert.deepEqual(splitStatement('RUN --a=b'), { keyword: 'RUN', flags: ['--a=b'], rest: '' });
    assert.deepEqual(splitStatement('RUN'), { keyword: 'RUN', flags: [], rest: '' });
  });

  test('are bounded in number and length', () => {
    assert.throws(() => readStatements(`RUN ${'a'.repeat(65536)}`), /dockerfile line greater than max allowed size of 65535/);
    assert.throws(() => readStatements(' '.repeat(maxDockerfileLength + 1)), { kind: 'invalid-argument' });
    assert.throws(() => readStatements('RUN a\n'.repeat(10_001)), /more than 10000 instructions/);
    assert.equal(readStatements('RUN a\\\n'.repeat(20_000)).statements.length, 1);
  });

  test('of no instructions are refused', () => {
    for (const source of ['', '\n \n', '# a\n# b']) assert.throws(() => readStatements(source), /file with no instructions/);
  });

  test('never fail with anything but a sentence', () => {
    const piece = fc.constantFrom(
      'FROM a',
      'RUN ',
      '<<',
      '<<-',
      "'",
      '"',
      '\\',
      '`',
      '\n',
      ' ',
      '$',
      '{',
      '}',
      '# escape=`\n',
      'E',
      '[',
      ']',
      '--x',
      '\t',
      'ONBUILD ',
      '\0',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (pieces) => {
        try {
          readStatements(pieces.join(''));
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
