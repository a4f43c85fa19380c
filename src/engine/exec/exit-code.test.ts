import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrlopError } from '#errors';
import { exitCodeOfFailure } from './exit-code.ts';

const cases: readonly [what: string, error: unknown, code: number][] = [
  ['a program that is not there', new OrlopError('not-found', 'RUNTIME_COMMAND_NOT_FOUND', 'x'), 127],
  ['a file that cannot be run', new OrlopError('permission-denied', 'RUNTIME_COMMAND_NOT_EXECUTABLE', 'x'), 126],
  ['another failure of ours', new OrlopError('not-found', 'RUNTIME_USER_UNKNOWN', 'x'), 128],
  ['a bug', new TypeError('x'), 128],
  ['a thrown text', 'x', 128],
];
for (const [what, error, code] of cases) test(`${what} ends with ${code}`, () => assert.equal(exitCodeOfFailure(error), code));
