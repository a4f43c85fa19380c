import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warnOfUsers } from './host-check.ts';

test('an engine says what it cannot do without user namespaces, and within one', () => {
  assert.deepEqual(warnOfUsers(true, true), []);
  assert.match(warnOfUsers(false, true).join(), /^User namespaces are switched off/);
  assert.match(warnOfUsers(true, false).join(), /^The engine runs in a user namespace/);
});
