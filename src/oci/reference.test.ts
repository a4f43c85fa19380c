import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { familiarName, familiarReference, formatReference, parseReference, withDefaultTag } from './reference.ts';

const sha = `sha256:${'e3'.repeat(32)}`;

const good: readonly (readonly [typed: string, complete: string, familiar: string])[] = [
  ['debian', 'docker.io/library/debian', 'debian'],
  ['debian:trixie', 'docker.io/library/debian:trixie', 'debian:trixie'],
  ['library/debian', 'docker.io/library/debian', 'debian'],
  ['docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['index.docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['index.docker.io/grafana/loki:3', 'docker.io/grafana/loki:3', 'grafana/loki:3'],
  ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
  ['user/repo', 'docker.io/user/repo', 'user/repo'],
  ['localhost/x', 'localhost/x', 'localhost/x'],
  ['localhost:5000/x:y', 'localhost:5000/x:y', 'localhost:5000/x:y'],
  ['127.0.0.1/x', '127.0.0.1/x', '127.0.0.1/x'],
  ['[2001:db8::1]:5000/repo', '[2001:db8::1]:5000/repo', '[2001:db8::1]:5000/repo'],
  ['Registry/x', 'Registry/x', 'Registry/x'],
  ['ghcr.io/a/b/c:v1.0-rc_2', 'ghcr.io/a/b/c:v1.0-rc_2', 'ghcr.io/a/b/c:v1.0-rc_2'],
  [`debian@${sha}`, `docker.io/library/debian@${sha}`, `debian@${sha}`],
  [`debian:trixie@${sha}`, `docker.io/library/debian:trixie@${sha}`, `debian:trixie@${sha}`],
  ['a__b/c-----d.e', 'docker.io/a__b/c-----d.e', 'a__b/c-----d.e'],
  [`a/${'b'.repeat(253)}`, `docker.io/a/${'b'.repeat(253)}`, `a/${'b'.repeat(253)}`],
  [`x:${'t'.repeat(128)}`, `docker.io/library/x:${'t'.repeat(128)}`, `x:${'t'.repeat(128)}`],
];

for (const [typed, complete, familiar] of good) {
  test(`"${typed.slice(0, 60)}" is understood as Docker does`, () => {
    const reference = parseReference(typed);
    assert.equal(formatReference(reference), complete);
    assert.equal(familiarReference(reference), familiar);
    assert.deepEqual(parseReference(formatReference(reference)), reference);
    assert.deepEqual(parseReference(familiarReference(reference)), reference);
  });
}

const bad: readonly (readonly [typed: string, reason: RegExp])[] = [
  ['', /empty/],
  ['Debian', /lowercase/],
  ['ghcr.io/Owner/repo', /lowercase/],
  ['a//b', /repository name/],
  ['/a', /repository name/],
  ['a/', /repository name/],
  ['-a', /repository name/],
  ['a_-b', /repository name/],
  ['a___b', /repository name/],
  ['a..b', /repository name/],
  ['a:', /tag/],
  ['a:-b', /tag/],
  [`a:${'t'.repeat(129)}`, /tag/],
  ['a@sha256:abc', /digest/],
  ['a@', /digest/],
  [`a@md5:${'a'.repeat(32)}`, /digest/],
  ['a b', /repository name/],
  ['a\n', /repository name/],
  ['reg istry.io/a', /registry/],
  ['-reg.io/a', /registry/],
  ['reg.io:port/a', /registry/],
  ['e3'.repeat(32), /64 hexadecimal/],
  [`a/${'b'.repeat(254)}`, /longer than 255/],
  ['a'.repeat(5000), /too long/],
];

for (const [typed, reason] of bad) {
  test(`"${typed.slice(0, 40)}" is refused, saying why`, () => {
    assert.throws(
      () => parseReference(typed),
      (error) => isOrlopError(error, 'invalid-argument') && reason.test(error.message),
    );
  });
}

test('the default tag is added only to a bare name', () => {
  assert.equal(familiarReference(withDefaultTag(parseReference('debian'))), 'debian:latest');
  assert.equal(familiarReference(withDefaultTag(parseReference('debian:sid'))), 'debian:sid');
  assert.equal(withDefaultTag(parseReference(`debian@${sha}`)).tag, undefined);
  assert.equal(familiarName(parseReference('debian:sid')), 'debian');
});

test('any text is either refused as a bad reference or survives the round trip', () => {
  const character = fc.constantFrom(...'abAB01:/@._-[] \n\0é');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: character, maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 })), (text) => {
      try {
        const reference = parseReference(text);
        assert.deepEqual(parseReference(formatReference(reference)), reference);
        assert.deepEqual(parseReference(familiarReference(reference)), reference);
      } catch (error) {
        assert.ok(isOrlopError(error, 'invalid-argument') && error.code === 'OCI_BAD_REFERENCE', String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
