import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { locateRegistry, parseSettings, planLocations, type RegistrySettings, schemesOf } from './settings.ts';

const settings: RegistrySettings = {
  'docker.io': { mirrors: [{ location: 'mirror.example:5000/hub' }, { location: '10.0.0.1', insecure: true }] },
  'docker.io/library': { location: 'internal.example/official' },
  'bad.example': { blocked: true },
  'bad.example/good': {},
  'old.example:80': { insecure: true },
};

function places(domain: string, path: string, way: 'read' | 'write' = 'read'): string[] {
  return planLocations(settings, { domain, path }, way).map(
    ({ host, path: where, isMirror }) => `${host}/${where}${isMirror ? ' mirror' : ''}`,
  );
}

describe('where a repository is looked for', () => {
  test('without settings: its own registry, the hub at its own host', () => {
    assert.deepEqual(planLocations({}, { domain: 'ghcr.io', path: 'a/b' }, 'read'), [
      { host: 'ghcr.io', path: 'a/b', insecure: false, isMirror: false },
    ]);
    assert.equal(planLocations({}, { domain: 'docker.io', path: 'library/x' }, 'read')[0]?.host, 'registry-1.docker.io');
  });

  test('the longest prefix decides, at the border of a part only', () => {
    assert.deepEqual(places('docker.io', 'team/x'), [
      'mirror.example:5000/hub/team/x mirror',
      '10.0.0.1/team/x mirror',
      'registry-1.docker.io/team/x',
    ]);
    assert.deepEqual(places('docker.io', 'library/x'), ['internal.example/official/x']);
    assert.equal(places('docker.io', 'libraryx/y').length, 3);
    assert.deepEqual(places('docker.io', 'team/x', 'write'), ['registry-1.docker.io/team/x']);
  });

  test('what is blocked is refused, what is let through below it is not', () => {
    assert.throws(() => places('bad.example', 'x'), { kind: 'permission-denied' });
    assert.throws(() => locateRegistry(settings, 'bad.example'), { kind: 'permission-denied' });
    assert.deepEqual(places('bad.example', 'good/x'), ['bad.example/good/x']);
  });

  test('plain HTTP is for this machine and for what is called insecure', () => {
    const schemes = (domain: string): readonly string[] => schemesOf(locateRegistry(settings, domain));
    for (const domain of ['localhost:5000', '127.0.0.1', '127.1.2.3:1', '[::1]:5000', 'old.example:80'])
      assert.deepEqual(schemes(domain), ['https', 'http']);
    for (const domain of ['ghcr.io', '127.0.0.1.example', '10.0.0.1', 'localhost.example:1']) assert.deepEqual(schemes(domain), ['https']);
  });
});

describe('registries.json', () => {
  test('is read whole', () => {
    const text = JSON.stringify({ registries: settings });
    assert.deepEqual(Object.keys(parseSettings(text)), Object.keys(settings));
    assert.deepEqual(parseSettings(text)['docker.io']?.mirrors?.[1], { location: '10.0.0.1', insecure: true });
    assert.deepEqual(parseSettings('{}'), {});
  });

  for (const [text, pattern] of [
    ['[]', /registries.json: expected an object/],
    ['{"mirror":{}}', /mirror: expected one of registries/],
    ['{"registries":{"a.io":{"mirrors":[{"location":"http://x"}]}}}', /registries\.a\.io\.mirrors\[0\]\.location/],
    ['{"registries":{"a.io":{"insecure":"yes"}}}', /registries\.a\.io\.insecure: expected true or false/],
    ['{"registries":{"a.io/../b":{}}}', /../],
    ['{', /./],
  ] as const) {
    test(`${text} is refused`, () =>
      assert.throws(
        () => parseSettings(text),
        (error) => isOrlopError(error, 'invalid-argument') && pattern.test(error.message),
      ));
  }

  test('no text makes it fail otherwise', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          parseSettings(`{"registries":${text}}`);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});
