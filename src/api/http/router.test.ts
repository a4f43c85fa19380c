import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createRouter, type Route } from './router.ts';
import { compareVersions, parseTarget } from './target.ts';

const route = (method: Route['method'], path: string): Route => ({ method, path, handle: () => {} });
const versions = { oldest: '1.24', newest: '1.51' };

describe('the router', () => {
  const router = createRouter([
    route('GET', '/images/json'),
    route('GET', '/images/{name...}/json'),
    route('DELETE', '/images/{name...}'),
    route('GET', '/containers/{id}/json'),
  ]);

  test('prefers literals, fills parameters, and lets names hold slashes', () => {
    assert.equal(router.match('GET', '/images/json')?.route.path, '/images/json');
    assert.deepEqual(router.match('GET', '/images/a/b/c:1/json')?.parameters, { name: 'a/b/c:1' });
    assert.deepEqual(router.match('DELETE', '/images/host:5000/x@sha256:1')?.parameters, { name: 'host:5000/x@sha256:1' });
    assert.deepEqual(router.match('GET', '/containers/abc/json')?.parameters, { id: 'abc' });
  });

  test('knows no other page', () => {
    for (const path of ['/', '', '/containers//json', '/containers/a/b/json', '/images//json', '/images/x/json/']) {
      assert.equal(router.match('GET', path)?.route.path, undefined, path);
    }
    assert.equal(router.match('POST', '/images/json'), null);
  });
});

describe('request targets', () => {
  test('may start with a version, inside the window', () => {
    assert.deepEqual({ ...parseTarget('/v1.41/_ping?a=b', versions), search: null }, { path: '/_ping', apiVersion: '1.41', search: null });
    assert.equal(parseTarget('/_ping', versions).apiVersion, '1.51');
    assert.equal(
      parseTarget('/v1.52/x', versions).problem?.message,
      'client version 1.52 is too new. Maximum supported API version is 1.51',
    );
    assert.match(
      parseTarget('/v1.9/x', versions).problem?.message ?? '',
      /^client version 1\.9 is too old\. Minimum supported API version is 1\.24/,
    );
    assert.ok(compareVersions('1.9', '1.24') < 0);
  });

  test('are decoded once, and bad encoding is a problem', () => {
    assert.equal(parseTarget('/images/a%2Fb%252F/json', versions).path, '/images/a/b%2F/json');
    assert.equal(parseTarget('/%zz', versions).problem?.kind, 'invalid-argument');
  });

  test('never throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        parseTarget(text, versions);
        parseTarget(`/v${text}`, versions);
      }),
    );
  });
});

test('of two routes with the same path the first one counts', () => {
  const routes = ['/a', '/a', '/{b}/c', '/{d}/c'].map((path) => route('GET', path));
  const router = createRouter(routes);
  assert.equal(router.match('GET', '/a')?.route, routes[0]);
  assert.equal(router.match('GET', '/x/c')?.route, routes[2]);
});
