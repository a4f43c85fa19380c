import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { parseChallenge } from './challenge.ts';
import { planTokenRequest } from './token.ts';

const subject = { host: 'r', object: 'x' };

describe('what a registry wants to see', () => {
  test('the bearer challenge is taken before the basic one, with its parameters', () => {
    assert.deepEqual(
      {
        ...parseChallenge('Basic realm="a, b", Bearer realm="https://auth/x?y=1",service="s\\"q",scope="repository:a:pull,push"')
          ?.parameters,
      },
      { realm: 'https://auth/x?y=1', service: 's"q', scope: 'repository:a:pull,push' },
    );
    assert.equal(parseChallenge('basic realm=simple')?.scheme, 'basic');
    assert.equal(parseChallenge('Negotiate'), null);
    assert.equal(parseChallenge(undefined), null);
  });

  test("no header makes it fail, and none reaches an object's prototype", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void parseChallenge(text)));
    assert.equal(parseChallenge('Bearer __proto__=x,realm=y')?.parameters['toString'], undefined);
  });

  test('credentials are not sent to a token service over plain HTTP, nor to none', () => {
    const ask = (realm: string, allowPlain: boolean) =>
      planTokenRequest({ scheme: 'bearer', parameters: { realm } }, null, { scopes: [], allowPlain, subject });
    for (const realm of ['http://auth', 'auth', '', 'file:///x'])
      assert.throws(
        () => ask(realm, false),
        (error) => isOrlopError(error, 'unauthenticated'),
      );
    assert.equal(ask('http://auth/', true).url.href, 'http://auth/');
    assert.equal(ask('https://jo:pw@auth/', false).url.href, 'https://auth/');
  });
});
