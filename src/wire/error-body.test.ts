import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseErrorBody } from './error-body.ts';

test('an engine’s error keeps its kind, code, message and hint', () => {
  const error = parseErrorBody(
    409,
    JSON.stringify({ message: 'in use. Do x', kind: 'conflict', code: 'A_B', detail: 'in use', hint: 'do x' }),
  );
  assert.deepEqual([error.kind, error.code, error.message, error.hint], ['conflict', 'A_B', 'in use', 'do x']);
});

test('a body that is not ours gives what its status says', () => {
  assert.equal(parseErrorBody(404, '{"message":"gone"}').kind, 'not-found');
  assert.equal(parseErrorBody(418, '').kind, 'invalid-argument');
  assert.equal(parseErrorBody(500, '<html>').message, 'the engine answered with status 500');
  assert.equal(parseErrorBody(400, '{"kind":"constructor","message":7}').kind, 'invalid-argument');
});

test('no body makes it fail', () => {
  fc.assert(
    fc.property(fc.nat(999), fc.oneof(fc.string(), fc.json()), (status, text) => parseErrorBody(status, text).name === 'OrlopError'),
  );
});
