import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { type FlagTable, parseFlags } from './arguments.ts';

const table: FlagTable = {
  bundle: { kind: 'text', short: 'b', about: '' },
  detach: { kind: 'flag', short: 'd', about: '' },
  env: { kind: 'texts', short: 'e', about: '' },
  interval: { kind: 'duration', about: '' },
  'cpu-share': { kind: 'number', also: 'cpu-shares', about: '' },
};

test('flags come before arguments, in all spellings', () => {
  const { flags, rest } = parseFlags(['--bundle', '/b', '-d', '--env=A=1', '-e', 'B', '-cpu-shares', '-1', 'id', '-d', '--', 'x'], table);
  assert.equal(flags.text('bundle'), '/b');
  assert.equal(flags.flag('detach'), true);
  assert.deepEqual(flags.texts('env'), ['A=1', 'B']);
  assert.equal(flags.number('cpu-share'), -1);
  assert.deepEqual(rest, ['id', '-d', '--', 'x']);
  assert.equal(parseFlags(['--detach=false', 'x'], table).flags.flag('detach'), false);
  assert.deepEqual(parseFlags(['--', '-d'], table).rest, ['-d']);
  assert.equal(parseFlags(['--interval', '1m2.5s'], table).flags.duration('interval'), 62_500);
});

test('where it is allowed, known flags may follow the arguments', () => {
  const { flags, rest } = parseFlags(['id', '--bundle', '/b', '-x', '-d', '--', '-d'], table, { anywhere: true });
  assert.deepEqual([flags.text('bundle'), flags.flag('detach'), rest], ['/b', true, ['id', '-x', '-d']]);
});

test('what is wrong is named in the words of Go programs', () => {
  assert.throws(() => parseFlags(['--nope'], table), /^OrlopError: flag provided but not defined: -nope$/);
  assert.throws(() => parseFlags(['-dx'], table), /flag provided but not defined: -dx/);
  assert.throws(() => parseFlags(['---x'], table), /bad flag syntax: ---x/);
  assert.throws(() => parseFlags(['--bundle'], table), /flag needs an argument: -bundle/);
  assert.throws(() => parseFlags(['--cpu-share', 'x'], table), /invalid value "x" for flag -cpu-share: parse error/);
  assert.throws(() => parseFlags(['--interval', '5'], table), /invalid value "5" for flag -interval: parse error/);
  assert.throws(() => parseFlags(['--detach=maybe'], table), /invalid boolean value "maybe" for -detach: parse error/);
});

test('any words are parsed or refused, and what follows the flags is kept', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('--bundle', '-d', '--', '--env=x', '-'))), (words) => {
      try {
        const { rest } = parseFlags(words, table);
        assert.deepEqual(words.slice(words.length - rest.length), rest);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
      }
    }),
  );
});
