import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warnOfUsers } from './host-check.ts';

test('an engine says what it cannot do without user namespaces, and within one', () => {
  assert.deepEqual(warnOfUsers(true, null), []);
  assert.match(warnOfUsers(false, null).join(), /^User namespaces are switched off/);
  assert.match(warnOfUsers(true, 65_536).join(), /^The engine runs in a machine: [^:]*$/);
  assert.match(warnOfUsers(true, 1).join(), /The machine has 1 user ids/);
});
