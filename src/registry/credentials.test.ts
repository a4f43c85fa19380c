import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OrlopError } from '#errors';
import { mediaTypes } from '#oci';
import { createRegistryClient } from './client.ts';
import { against, collect, digestOf, failsWith, limits } from './testing/against.ts';
import { type Handler, openServer } from './testing/server.ts';
import type { Credential, Repository } from './types.ts';

const secret: Credential = { type: 'password', username: 'jo', password: 'geheim' };

describe('credentials', () => {
  test('another host never sees them: redirects, uploads that go on elsewhere, foreign layers', async () => {
    const bytes = Buffer.from('foreign');
    await using other = await openServer((request, response) => {
      if (request.method === 'PUT') response.writeHead(201).end();
      else response.end(bytes);
    });
    const digest = digestOf(bytes);
    const handler: Handler = (request, response) => {
      if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (request.method === 'POST') response.writeHead(202, { location: `http://${other.host}/up?state=1%2F2` }).end();
      else if (request.url?.endsWith(`blobs/${digest}`) === true)
        response.writeHead(307, { location: `http://jo:pw@${other.host}/data` }).end();
      else response.writeHead(404).end();
    };
    await against(
      handler,
      async (repository) => {
        assert.deepEqual(await collect(repository.fetchBlob({ mediaType: mediaTypes.ociLayer, digest, size: bytes.length })), bytes);
        await repository.uploadBlob({ digest, size: bytes.length }, async function* () {
          yield bytes;
        });
        const foreign = {
          mediaType: mediaTypes.ociForeignLayer,
          digest: digestOf(Buffer.from('no')),
          size: bytes.length,
          urls: [`http://${other.host}/far`],
        };
        await assert.rejects(collect(repository.fetchBlob(foreign)), failsWith('data-loss', /another digest/));
      },
      secret,
    );
    assert.deepEqual(
      other.asked.map(({ method, url }) => `${method} ${url}`),
      ['GET /data', `PUT /up?state=1%2F2&digest=${encodeURIComponent(digest)}`, 'GET /far'],
    );
    assert.ok(other.asked.every(({ headers }) => headers.authorization === undefined));
  });

  test('a token is asked for with the scope of the call, used again, and renewed when it is refused', async () => {
    let valid = 1;
    let realm = '';
    const handler: Handler = (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      if (url.pathname === '/token') {
        assert.equal(request.headers.authorization, `Basic ${Buffer.from('jo:geheim').toString('base64')}`);
        return void response.end(JSON.stringify({ token: `t${valid}`, expires_in: 300 }));
      }
      if (request.headers.authorization !== `Bearer t${valid}`) {
        return void response
          .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="reg",scope="repository:team/app:pull"` })
          .end();
      }
      response.end('{}');
    };
    await against(
      handler,
      async (repository, server) => {
        realm = `http://${server.host}/token`;
        await repository.fetchManifest('a');
        await repository.fetchManifest('b');
        const tokens = (): string[] => server.asked.filter(({ url }) => url.startsWith('/token')).map(({ url }) => decodeURIComponent(url));
        assert.deepEqual(tokens(), ['/token?service=reg&scope=repository:team/app:pull&account=jo']);
        valid = 2;
        await repository.fetchManifest('c');
        assert.equal(tokens().length, 2);
      },
      secret,
    );
  });

  test('an identity token goes by POST, a registry token as it is', async () => {
    let realm = '';
    const bodies: string[] = [];
    const handler: Handler = (request, response, body) => {
      if (request.url === '/token') {
        bodies.push(`${request.method} ${body.toString()}`);
        return void response.end('{"access_token":"fresh"}');
      }
      const allowed = ['Bearer fresh', 'Bearer given'].includes(request.headers.authorization ?? '');
      if (allowed) response.end('{}');
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service=reg` }).end();
    };
    const use = async (repository: Repository, server: { host: string }): Promise<void> => {
      realm = `http://${server.host}/token`;
      await repository.fetchManifest('a');
    };
    await against(handler, use, { type: 'identity-token', token: 'refresh me' });
    await against(handler, use, { type: 'registry-token', token: 'given' });
    assert.deepEqual(bodies, [
      'POST grant_type=refresh_token&client_id=orlop&refresh_token=refresh+me&service=reg&scope=repository%3Ateam%2Fapp%3Apull',
    ]);
  });

  test('a login asks the token service for a token to keep, and does without where there is none', async () => {
    for (const refresh of ['keep me', 'keep-me', undefined]) {
      let realm = '';
      const asked: string[] = [];
      await using server = await openServer((request, response) => {
        const url = new URL(request.url ?? '', 'http://x');
        if (url.pathname === '/token') {
          asked.push(url.search);
          response.end(JSON.stringify({ token: 't', refresh_token: refresh }));
        } else if (request.headers.authorization === 'Bearer t') response.end('{}');
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="reg"` }).end();
      });
      realm = `http://${server.host}/token`;
      using client = createRegistryClient({ limits, certificateDirectories: [] });
      const { identityToken } = await client.ping(server.host, { credentials: () => secret });
      // A token that no header can hold is none.
      assert.equal(identityToken, refresh === 'keep-me' ? refresh : null);
      assert.deepEqual(asked, ['?service=reg&account=jo&offline_token=true&client_id=orlop']);
    }
  });

  test('wrong ones are unauthenticated with a hint, and no message repeats them', async () => {
    await against(
      (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm=x' }).end('{"errors":[{"code":"UNAUTHORIZED"}]}'),
      (repository) =>
        assert.rejects(repository.fetchManifest('a'), (error) => {
          assert.ok(error instanceof OrlopError && error.kind === 'unauthenticated' && error.hint?.includes('orlop login') === true);
          assert.doesNotMatch(JSON.stringify([error.message, error.details, error.hint]), /geheim/);
          return true;
        }),
      secret,
    );
  });
});
