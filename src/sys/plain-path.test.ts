import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { basename, dirname, isAbsolute, join, normalize, posix as plain, resolve } from './plain-path.ts';

const path = fc
  .array(fc.constantFrom('/', '.', '..', 'a', 'bc', '', ' ', 'd.e', '//', '...'), { maxLength: 9 })
  .map((parts) => parts.join(''));
const slashed = fc.array(fc.constantFrom('..', '.', 'a', 'b', ''), { maxLength: 6 }).map((parts) => parts.join('/'));
const any = fc.oneof(path, slashed, fc.string());

for (const name of ['isAbsolute', 'normalize', 'dirname', 'basename'] as const) {
  test(`${name} gives what node:path gives`, () => {
    fc.assert(
      fc.property(any, (given) => assert.equal(plain[name](given), posix[name](given))),
      { numRuns: 2000 },
    );
  });
}

for (const name of ['join', 'resolve'] as const) {
  test(`${name} gives what node:path gives`, () => {
    fc.assert(
      fc.property(fc.array(any, { maxLength: 4 }), (given) => assert.equal(plain[name](...given), posix[name](...given))),
      { numRuns: 2000 },
    );
  });
}

test('the names are those of the functions', () => {
  assert.deepEqual({ basename, dirname, isAbsolute, join, normalize, resolve }, plain);
});
