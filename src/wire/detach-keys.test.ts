import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createDetachScanner, defaultDetachKeys, parseDetachKeys } from './detach-keys.ts';

describe('detach keys', () => {
  test('are read in Docker’s notation', () => {
    assert.deepEqual(parseDetachKeys(''), [16, 17]);
    assert.deepEqual(parseDetachKeys('ctrl-a,x,ctrl-@,ctrl-_,DEL'), [1, 120, 0, 31, 127]);
    for (const text of ['ctrl-', 'ctrl-1', 'ab', ',', 'ctrl-p,,q', 'é', 'ctrl-A', 'CTRL-a', 'del'])
      assert.throws(() => parseDetachKeys(text), { kind: 'invalid-argument', message: `Invalid detach keys (${text}) provided` });
  });

  test('are found however the typing is cut, and drop what follows', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.integer({ min: 1, max: 4 }), (typed, step) => {
        const before = typed.filter((byte) => byte !== 16);
        const bytes = Uint8Array.from([...before, ...defaultDetachKeys, 120]);
        const scanner = createDetachScanner(defaultDetachKeys);
        const passed: number[] = [];
        let detached = false;
        for (let at = 0; at < bytes.length && !detached; at += step) {
          const result = scanner.push(bytes.subarray(at, at + step));
          passed.push(...result.pass);
          detached = result.detached;
        }
        assert.ok(detached);
        assert.deepEqual(passed, [...before]);
      }),
    );
  });

  test('a start that turns out to be something else is passed on', () => {
    const scanner = createDetachScanner([16, 16, 17]);
    assert.deepEqual([...scanner.push(Uint8Array.of(16, 120)).pass], [16, 120]);
    assert.deepEqual(scanner.push(Uint8Array.of(16, 16, 16, 17)), { pass: Uint8Array.of(16), detached: true });
  });
});
