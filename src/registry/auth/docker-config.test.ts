import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { createCredentialStore, dockerConfigPath } from './docker-config.ts';

/** A directory with a configuration file, and a credential helper that is this shell script. */
function home(
  config: unknown,
  helper?: string,
): Disposable & { readonly path: string; readonly env: Record<string, string>; readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'orlop-credentials-'));
  const path = join(root, 'docker/config.json');
  mkdirSync(join(root, 'docker'));
  if (config !== undefined) writeFileSync(path, typeof config === 'string' ? config : JSON.stringify(config));
  if (helper !== undefined) writeFileSync(join(root, 'docker-credential-test'), `#!/bin/sh\n${helper}\n`, { mode: 0o755 });
  const env = { PATH: `${root}${delimiter}${process.env['PATH'] ?? ''}`, ROOT: root };
  return { root, path, env, [Symbol.dispose]: () => rmSync(root, { recursive: true }) };
}

const auth = (pair: string): string => Buffer.from(pair).toString('base64');
const secret = { type: 'password', username: 'jo', password: 'a:b' } as const;

describe('credentials in the file', () => {
  test('are found by host, by URLs of old, and for the hub by its name of old', async () => {
    using at = home({
      auths: {
        'https://index.docker.io/v1/': { auth: auth('hub:1') },
        'https://a.io/v2/': { auth: auth('jo:a:b') },
        'b.io:5000': { identitytoken: 't' },
        'c.io': {},
      },
    });
    const store = createCredentialStore(at.path);
    assert.deepEqual(await store.get('docker.io'), { type: 'password', username: 'hub', password: '1' });
    assert.deepEqual(await store.get('a.io'), secret);
    assert.deepEqual(await store.get('b.io:5000'), { type: 'identity-token', token: 't' });
    assert.equal(await store.get('b.io'), null);
    assert.equal(await store.get('c.io'), null);
  });

  test('are written for their owner only, beside all else that the file says', async () => {
    using at = home({ detachKeys: 'ctrl-x', auths: { 'http://a.io/v1/': { auth: auth('old:old') } } });
    const store = createCredentialStore(at.path);
    assert.equal(await store.set('a.io', secret), at.path);
    assert.deepEqual(await store.get('a.io'), secret);
    assert.equal(statSync(at.path).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(at.path, 'utf8')), { detachKeys: 'ctrl-x', auths: { 'a.io': { auth: auth('jo:a:b') } } });
    assert.equal(await store.erase('a.io'), true);
    assert.equal(await store.erase('a.io'), false);
    assert.equal(await store.get('a.io'), null);
  });

  test('a token takes the place of a password, in the file and for a helper', async () => {
    const token = { type: 'identity-token', token: 'keep-me' } as const;
    using at = home({ auths: { 'a.io': { auth: auth('jo:old') } } });
    const store = createCredentialStore(at.path);
    await store.set('a.io', token);
    assert.deepEqual(JSON.parse(readFileSync(at.path, 'utf8')), { auths: { 'a.io': { identitytoken: 'keep-me' } } });
    assert.deepEqual(await store.get('a.io'), token);
    using helped = home({ credsStore: 'test' }, 'cat > "$ROOT/$1"');
    await createCredentialStore(helped.path, { env: helped.env }).set('a.io', token);
    const told: unknown = JSON.parse(readFileSync(join(helped.root, 'store'), 'utf8'));
    assert.deepEqual(told, { ServerURL: 'a.io', Username: '<token>', Secret: 'keep-me' });
  });

  test('a missing file holds none, a damaged one is refused by its path', async () => {
    using empty = home(undefined);
    assert.equal(await createCredentialStore(empty.path).get('a.io'), null);
    for (const text of ['{', '[]', '{"auths":{"a.io":{"auth":"bm9jb2xvbg=="}}}']) {
      using at = home(text);
      await assert.rejects(createCredentialStore(at.path).get('a.io'), { kind: 'failed-precondition', code: 'REGISTRY_BAD_CONFIG' });
    }
  });

  test('the path follows DOCKER_CONFIG', () => {
    assert.equal(dockerConfigPath({ DOCKER_CONFIG: '/x' }, '/home/jo'), '/x/config.json');
    assert.equal(dockerConfigPath({}, '/home/jo'), '/home/jo/.docker/config.json');
  });
});

describe('credentials of a helper', () => {
  const script = `case "$1" in
get) read host; [ -f "$ROOT/kept" ] && cat "$ROOT/kept" || { echo "credentials not found in native keychain"; exit 1; } ;;
store) cat > "$ROOT/kept" ;;
erase) rm "$ROOT/kept" ;;
esac`;

  test('are kept there, not in the file', async () => {
    using at = home({ credHelpers: { 'a.io': 'test' } }, script);
    const store = createCredentialStore(at.path, { env: at.env });
    assert.equal(await store.get('a.io'), null);
    assert.equal(await store.set('a.io', secret), 'docker-credential-test');
    assert.doesNotMatch(readFileSync(at.path, 'utf8'), new RegExp(auth('jo:a:b')));
    assert.deepEqual(JSON.parse(readFileSync(join(at.root, 'kept'), 'utf8')), { ServerURL: 'a.io', Username: 'jo', Secret: 'a:b' });
    assert.deepEqual(await store.get('a.io'), secret);
    assert.equal(await store.erase('a.io'), true);
    assert.equal(await store.get('a.io'), null);
  });

  test('that hangs, babbles, fails or is missing is named', async () => {
    const cases: [script: string | undefined, pattern: RegExp][] = [
      ['exec sleep 100', /took more than 200 ms/],
      ['exec yes', /says too much|took more/],
      ['echo no; exit 1', /docker-credential-test: no/],
      ['echo "[]"', /makes no sense/],
      [undefined, /not installed/],
    ];
    for (const [text, pattern] of cases) {
      using at = home({ credsStore: 'test' }, text);
      await assert.rejects(createCredentialStore(at.path, { env: at.env, timeoutMs: 200 }).get('a.io'), (error: Error) =>
        pattern.test(error.message),
      );
    }
    using at = home({ credsStore: '../../bin/x' });
    await assert.rejects(createCredentialStore(at.path).get('a.io'), /its name is malformed/);
  });

  test('a token of a helper is an identity token', async () => {
    using at = home({ credsStore: 'test' }, `echo '{"ServerURL":"a.io","Username":"<token>","Secret":"t"}'`);
    assert.deepEqual(await createCredentialStore(at.path, { env: at.env }).get('a.io'), { type: 'identity-token', token: 't' });
  });
});
