import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compare, hash } from 'bcryptjs';
import { openTestRegistry, imageOf, sha256 } from '../testing/registry.ts';
import { createHtpasswd, parseBasic, parseHtpasswd } from './htpasswd.ts';
import { createTokenAuthenticator } from './token.ts';

const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });

describe('htpasswd', () => {
  test('only who is in the file gets in, and a changed file counts at once', async () => {
    await using outer = await openTestRegistry();
    const file = join(outer.root, 'staging', 'htpasswd');
    await writeFile(file, `# people\nana:${await hash('secret', 4)}\n`);
    let compared = 0;
    const counting = (password: string, hashed: string): Promise<boolean> => {
      compared += 1;
      return compare(password, hashed);
    };
    const authenticator = await createHtpasswd({ file, compare: counting, realm: 'test', anonymousPull: false });
    await using registry = await openTestRegistry({ authenticator });
    const ask = (headers: Record<string, string>) => registry.fetch('GET', '/v2/', { headers });
    const nobody = await ask({});
    assert.deepEqual([nobody.status, nobody.codes], [401, ['UNAUTHORIZED']]);
    assert.match(nobody.headers.get('www-authenticate') ?? '', /^Basic realm="test"/);
    for (const headers of [basic('ana', 'wrong'), basic('bob', 'secret'), { authorization: 'Basic !!' }, { authorization: 'Bearer x' }])
      assert.equal((await ask(headers)).status, 401);
    const before = compared;
    for (let round = 0; round < 5; round++) assert.equal((await ask(basic('ana', 'secret'))).status, 200);
    assert.equal(compared, before + 1, 'a right password is compared once');
    await writeFile(file, `bobby:${await hash('other', 4)}\n`);
    assert.equal((await ask(basic('ana', 'secret'))).status, 401);
    assert.equal((await ask(basic('bobby', 'other'))).status, 200);
    assert.equal(JSON.stringify(registry.log).includes('secret'), false);
    assert.ok(registry.log.some(({ user }) => user === 'bobby'));
  });

  test('with anonymous pull everybody reads and only users write', async () => {
    await using outer = await openTestRegistry();
    const file = join(outer.root, 'staging', 'htpasswd');
    await writeFile(file, `ana:${await hash('secret', 4)}\n`);
    const authenticator = await createHtpasswd({ file, compare, realm: 'test', anonymousPull: true });
    await using registry = await openTestRegistry({ authenticator });
    assert.equal((await registry.fetch('GET', '/v2/')).status, 200);
    assert.equal((await registry.fetch('GET', `/v2/a/blobs/${sha256('')}`)).status, 404);
    assert.equal((await registry.fetch('POST', '/v2/a/blobs/uploads/')).status, 401);
    assert.equal((await registry.fetch('GET', '/v2/_catalog')).status, 401);
    assert.equal((await registry.fetch('GET', '/metrics')).status, 401);
    assert.equal((await registry.fetch('GET', '/metrics', { headers: basic('ana', 'secret') })).status, 200);
    assert.equal((await registry.fetch('POST', '/v2/a/blobs/uploads/', { headers: basic('ana', 'secret') })).status, 202);
  });

  test('files are read strictly', () => {
    assert.throws(() => parseHtpasswd('ana:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk='), { code: 'REGISTRY_HTPASSWD', message: /line 1/ });
    assert.equal(parseHtpasswd('\n#x\n').size, 0);
    assert.deepEqual(parseBasic(basic('a', 'b:c').authorization), { user: 'a', password: 'b:c' });
    assert.equal(parseBasic(basic('', 'x').authorization), null);
  });
});

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function makeToken(key: KeyObject, alg: string, claims: object): string {
  const text = `${encode({ alg, typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

describe('signed tokens', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ed = generateKeyPairSync('ed25519');
  const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
  const now = new Date('2030-01-01T00:00:00Z');
  const seconds = now.getTime() / 1000;
  const options = { realm: 'https://auth.test/token', service: 'registry.test', issuer: 'auth.test', now: () => now };
  const authenticator = createTokenAuthenticator({ ...options, keys: [ec, rsa, ed].map(({ publicKey }) => pem(publicKey)).join('') });
  const good = { iss: 'auth.test', aud: 'registry.test', sub: 'ana', exp: seconds + 300, nbf: seconds - 10 };
  const grant = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test('the challenge says where to get which token', async () => {
    await using registry = await openTestRegistry({ authenticator });
    const base = await registry.fetch('GET', '/v2/');
    assert.deepEqual(
      [base.status, base.headers.get('www-authenticate')],
      [401, 'Bearer realm="https://auth.test/token",service="registry.test"'],
    );
    const push = await registry.fetch('POST', '/v2/some/app/blobs/uploads/');
    assert.match(push.headers.get('www-authenticate') ?? '', /scope="repository:some\/app:pull,push"$/);
    const narrow = bearer(makeToken(ec.privateKey, 'ES256', { ...good, access: [grant('some/app', 'pull')] }));
    const refused = await registry.fetch('POST', '/v2/some/app/blobs/uploads/', { headers: narrow });
    assert.deepEqual([refused.status, refused.codes], [401, ['UNAUTHORIZED']]);
    assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope"$/);
  });

  test('a token permits what its access says, signed with any of the keys', async () => {
    await using registry = await openTestRegistry({ authenticator });
    for (const [key, alg] of [
      [ec.privateKey, 'ES256'],
      [rsa.privateKey, 'RS256'],
      [ed.privateKey, 'EdDSA'],
    ] as const) {
      const headers = bearer(makeToken(key, alg, { ...good, access: [grant('mine', 'pull', 'push'), grant('all', '*')] }));
      const ask = async (method: string, path: string) => (await registry.fetch(method, path, { headers })).status;
      assert.equal(await ask('GET', '/v2/'), 200, alg);
      assert.equal(await ask('POST', '/v2/mine/blobs/uploads/'), 202);
      assert.equal(await ask('GET', '/v2/yours/tags/list'), 401);
      assert.equal(await ask('DELETE', '/v2/mine/manifests/x'), 401);
      assert.equal(await ask('DELETE', '/v2/all/manifests/x'), 404);
      assert.equal(await ask('GET', '/v2/_catalog'), 401);
      assert.equal(await ask('GET', '/metrics'), 401);
    }
    const scrape = bearer(makeToken(ec.privateKey, 'ES256', { ...good, access: [{ type: 'registry', name: 'metrics', actions: ['*'] }] }));
    assert.equal((await registry.fetch('GET', '/metrics', { headers: scrape })).status, 200);
  });

  test('a mount needs leave to read the other repository', async () => {
    await using registry = await openTestRegistry({ authenticator });
    const everything = bearer(makeToken(ec.privateKey, 'ES256', { ...good, access: [grant('secret', '*'), grant('mine', '*')] }));
    await registry.fetch('POST', `/v2/secret/blobs/uploads/?digest=${sha256('x')}`, { body: 'x', headers: everything });
    const path = `/v2/mine/blobs/uploads/?mount=${sha256('x')}&from=secret`;
    const narrow = bearer(makeToken(ec.privateKey, 'ES256', { ...good, access: [grant('mine', '*')] }));
    assert.equal((await registry.fetch('POST', path, { headers: narrow })).status, 202);
    assert.equal((await registry.fetch('POST', path.split('&')[0] ?? '', { headers: narrow })).status, 202);
    assert.equal((await registry.fetch('POST', path, { headers: everything })).status, 201);
  });

  const access = [grant('mine', 'pull')];
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const valid = makeToken(ec.privateKey, 'ES256', { ...good, access });
  const [head = '', body = '', signature = ''] = valid.split('.');
  const hmac = (secret: string): string => {
    const text = `${encode({ alg: 'HS256' })}.${body}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const bad: readonly [what: string, token: string][] = [
    ['signed by a stranger', makeToken(stranger.privateKey, 'ES256', { ...good, access })],
    ['of another issuer', makeToken(ec.privateKey, 'ES256', { ...good, iss: 'evil.test', access })],
    ['for another service', makeToken(ec.privateKey, 'ES256', { ...good, aud: ['other.test'], access })],
    ['that has expired', makeToken(ec.privateKey, 'ES256', { ...good, exp: seconds - 61, access })],
    ['that does not expire', makeToken(ec.privateKey, 'ES256', { ...good, exp: undefined, access })],
    ['from the future', makeToken(ec.privateKey, 'ES256', { ...good, nbf: seconds + 120, access })],
    ['without a signature', `${encode({ alg: 'none' })}.${body}.`],
    ['signed with the public key as a secret', hmac(pem(ec.publicKey))],
    ['with changed claims', `${head}.${encode({ ...good, access: [grant('mine', '*')] })}.${signature}`],
    ['with another algorithm', `${encode({ alg: 'RS256' })}.${body}.${signature}`],
    ['with an unknown critical header', `${encode({ alg: 'ES256', crit: ['x'] })}.${body}.${signature}`],
    ['with a chain of nobody', `${encode({ alg: 'ES256', x5c: ['AAAA'] })}.${body}.${signature}`],
    ['of four parts', `${valid}.x`],
    ['that is huge', `${head}.${'A'.repeat(15_000)}.${signature}`],
  ];
  for (const [what, token] of bad) {
    test(`a token ${what} is refused`, async () => {
      await assert.rejects(authenticator.identify(`Bearer ${token}`, { kind: 'base' }), { code: 'DISTRIBUTION_UNAUTHORIZED' });
    });
  }

  test('the valid one beside them is not', async () => {
    assert.equal((await authenticator.identify(`Bearer ${valid}`, { kind: 'base' })).user, 'ana');
  });

  test('a file without a key is refused', () => {
    assert.throws(() => createTokenAuthenticator({ ...options, keys: 'nothing' }), { code: 'REGISTRY_TOKEN_KEY' });
  });
});

test('a read-only registry serves and takes nothing', async () => {
  await using writable = await openTestRegistry();
  await writable.pushBlob('a', '{}');
  await writable.pushManifest('a', 't', imageOf('{}', []));
  await using registry = await openTestRegistry({ storage: writable.storage, readOnly: true });
  assert.equal((await registry.fetch('GET', '/v2/a/manifests/t')).status, 200);
  for (const [method, path] of [
    ['POST', '/v2/a/blobs/uploads/'],
    ['DELETE', '/v2/a/manifests/t'],
    ['PUT', '/v2/a/manifests/u'],
  ] as const) {
    const answer = await registry.fetch(method, path, method === 'PUT' ? { body: '{}' } : {});
    assert.deepEqual([answer.status, answer.codes], [405, ['UNSUPPORTED']]);
  }
});
