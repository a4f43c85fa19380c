import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Exchange } from '#api/http';
import { isOrlopError } from '#errors';
import { loginOf, registryOf } from './login.ts';

const withHeader = (text: string | undefined): Exchange => ({ headers: { 'x-registry-auth': text } }) as unknown as Exchange;
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('X-Registry-Auth', () => {
  test('holds a password, a pair of old, or tokens', () => {
    const nothing = { username: '', password: '', identityToken: '', registryToken: '' };
    assert.deepEqual(loginOf(withHeader(encoded({ username: 'jo', password: 'x' }))), {
      login: { ...nothing, username: 'jo', password: 'x' },
    });
    assert.deepEqual(loginOf(withHeader(encoded({ auth: Buffer.from('jo:a:b').toString('base64') }))), {
      login: { ...nothing, username: 'jo', password: 'a:b' },
    });
    assert.deepEqual(loginOf(withHeader(encoded({ identitytoken: 'i', registrytoken: 'r' }))), {
      login: { ...nothing, identityToken: 'i', registryToken: 'r' },
    });
    assert.deepEqual(loginOf(withHeader(encoded({ username: 7 }))), { login: nothing });
    assert.deepEqual(loginOf(withHeader(undefined)), {});
  });

  test('that is malformed is refused without being repeated', () => {
    for (const text of ['x', encoded([1]), encoded('geheim'), 'A'.repeat(70_000)]) {
      assert.throws(
        () => loginOf(withHeader(text)),
        (error) => isOrlopError(error, 'invalid-argument') && !error.message.includes(text),
      );
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          loginOf(withHeader(text));
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'));
        }
      }),
    );
  });

  test("a server's address is a registry", () => {
    for (const [address, registry] of [
      ['https://index.docker.io/v1/', 'docker.io'],
      ['', 'docker.io'],
      ['reg.io:5000', 'reg.io:5000'],
      ['http://reg.io/v2/', 'reg.io'],
    ] as const) {
      assert.equal(registryOf(address), registry);
    }
  });
});
