import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { type FlagTable, parseFlags } from './arguments.ts';

const table: FlagTable = {
  bundle: { kind: 'text', short: 'b', about: '' },
  detach: { kind: 'flag', short: 'd', about: '' },
  env: { kind: 'texts', short: 'e', about: '' },
  'cpu-share': { kind: 'number', also: 'cpu-shares', about: '' },
};

test('flags come before arguments, in all spellings', () => {
  const { flags, rest } = parseFlags(['--bundle', '/b', '-d', '--env=A=1', '-e', 'B', '--cpu-shares', '-1', 'id', '-d', '--', 'x'], table);
  assert.equal(flags.text('bundle'), '/b');
  assert.equal(flags.flag('detach'), true);
  assert.deepEqual(flags.texts('env'), ['A=1', 'B']);
  assert.equal(flags.number('cpu-share'), -1);
  assert.deepEqual(rest, ['id', '-d', '--', 'x']);
  assert.equal(parseFlags(['--detach=false', 'x'], table).flags.flag('detach'), false);
  assert.deepEqual(parseFlags(['--', '-d'], table).rest, ['-d']);
});

test('what is wrong is named', () => {
  assert.throws(() => parseFlags(['--nope'], table), /not defined: --nope/);
  assert.throws(() => parseFlags(['--bundle'], table), /needs an argument: --bundle/);
  assert.throws(() => parseFlags(['--cpu-share', 'x'], table), /invalid value "x" for flag --cpu-share/);
  assert.throws(() => parseFlags(['--detach=maybe'], table), /invalid boolean value "maybe"/);
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
