import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { OrlopError, isOrlopError } from '#errors';
import { formatSignal, parseSignal, signals } from './signals.ts';

test('a signal is read in every way people write it', () => {
  for (const text of ['9', '09', 'KILL', 'kill', 'SIGKILL', 'sigkill']) assert.equal(parseSignal(text), 9, text);
  assert.equal(parseSignal('RTMIN'), 34);
  assert.equal(parseSignal('SIGRTMIN+3'), 37);
  assert.equal(parseSignal('rtmax-14'), 50);
  assert.equal(parseSignal('SIGRTMAX'), 64);
});

test('what is no signal is refused by name', () => {
  for (const text of ['', '0', '65', '-1', 'SIG', 'SIGNOPE', 'RTMIN-1', 'RTMAX+1', 'RTMIN+31', 'toString', '9 ', '1e1']) {
    assert.throws(
      () => parseSignal(text),
      (error) => isOrlopError(error, 'invalid-argument') && error.message.endsWith(`: ${text}`),
    );
  }
});

test('names agree with those of the platform', () => {
  for (const [name, value] of Object.entries(signals)) assert.equal(constants.signals[name as NodeJS.Signals], value, name);
});

test('formatting and parsing are inverse', () => {
  for (let number = 1; number <= 64; number++) assert.equal(parseSignal(formatSignal(number)), number);
});

test('any text is a signal or a named refusal', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        const number = parseSignal(text);
        assert.ok(number >= 1 && number <= 64);
      } catch (error) {
        assert.ok(error instanceof OrlopError);
      }
    }),
  );
});
