import assert from 'node:assert/strict';
import { test } from 'node:test';
import { painterFor } from './colour.ts';
import { formatError } from './error.ts';

test('colours are for terminals, and for people who have not asked for none', () => {
  const painted = painterFor({ isTTY: true }, { TERM: 'xterm' });
  assert.equal(painted('red', 'x'), '\u001B[31mx\u001B[39m');
  assert.equal(painterFor({ isTTY: false }, {})('red', 'x'), 'x');
  assert.equal(painterFor({ isTTY: true }, { NO_COLOR: '1' })('red', 'x'), 'x');
  assert.equal(painterFor({ isTTY: true }, { TERM: 'dumb' })('red', 'x'), 'x');
  assert.equal(painterFor({ isTTY: true }, { NO_COLOR: '' })('bold', 'x'), '\u001B[1mx\u001B[22m');
  assert.equal(formatError(new TypeError('oh'), painted), '\u001B[31morlop:\u001B[39m oh\n');
});
