import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mediaTypes } from '#oci';
import { createRegistryClient } from './client.ts';
import { against, digestOf, limits } from './testing/against.ts';
import { type Handler, openServer } from './testing/server.ts';
import type { Credential } from './types.ts';

const secret: Credential = { type: 'password', username: 'jo', password: 'geheim' };

describe('mirrors and other settings', () => {
  const manifest = Buffer.from('{"schemaVersion":2}');

  test('a mirror is asked first, without credentials and under its own path; what it has not got comes from the registry', async () => {
    await using mirror = await openServer((request, response) => {
      if (request.url?.endsWith('/here') === true) response.end(manifest);
      else if (request.url !== '/v2/') response.writeHead(404).end();
    });
    await using origin = await openServer((request, response) => {
      if (request.url !== '/v2/') response.end(manifest);
    });
    using client = createRegistryClient({
      limits,
      settings: { [`${origin.host}/team`]: { mirrors: [{ location: `${mirror.host}/copy` }] } },
    });
    const repository = client.repository({ domain: origin.host, path: 'team/app' }, { credentials: () => secret });
    await repository.fetchManifest('here');
    assert.equal(origin.asked.length, 0);
    await repository.fetchManifest('elsewhere');
    assert.deepEqual(
      mirror.asked.map(({ url }) => url),
      ['/v2/', '/v2/copy/app/manifests/here', '/v2/copy/app/manifests/elsewhere'],
    );
    assert.equal(origin.asked.at(-1)?.url, '/v2/team/app/manifests/elsewhere');
    assert.ok(mirror.asked.every(({ headers }) => headers.authorization === undefined));
  });

  test('a proxy is used for other machines, not for this one', async () => {
    await using proxy = await openServer((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('{}'));
    await using near = await openServer((_, response) => response.end('{}'));
    using client = createRegistryClient({
      limits,
      env: { HTTP_PROXY: `http://${proxy.host}`, HTTPS_PROXY: `http://${proxy.host}`, NO_PROXY: '' },
      settings: { 'registry.invalid:81': { insecure: true } },
    });
    await client.repository({ domain: near.host, path: 'a' }).fetchManifest('x');
    assert.equal(proxy.asked.length, 0);
    // Without a tunnel there is no TLS, and that is no reason to do without.
    await assert.rejects(client.repository({ domain: 'registry.invalid:81', path: 'a' }).fetchManifest('x'), { kind: 'unavailable' });
    assert.deepEqual(
      proxy.asked.map(({ method, url }) => `${method} ${url}`),
      ['CONNECT registry.invalid:81'],
    );
  });

  test('referrers come from the API, or from the tag that stands in for it, filtered', async () => {
    const subject = digestOf(manifest);
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: ['a/b', 'c/d'].map((artifactType, at) => ({
        mediaType: mediaTypes.ociManifest,
        digest: digestOf(Buffer.from([at])),
        size: 1,
        artifactType,
      })),
    });
    const tag = subject.replace(':', '-');
    for (const path of [`/v2/team/app/referrers/${subject}`, `/v2/team/app/manifests/${tag}`]) {
      const handler: Handler = (request, response) => {
        const isIt = request.url?.split('?')[0] === path;
        if (isIt) response.setHeader('content-type', mediaTypes.ociIndex).end(index);
        else if (request.url !== '/v2/') response.writeHead(404).end();
      };
      const found = await against(handler, (repository) => repository.referrers(subject, { artifactType: 'c/d' }));
      assert.deepEqual(
        found.manifests.map(({ artifactType }) => artifactType),
        ['c/d'],
      );
    }
    const none = await against(
      (request, response) => void (request.url === '/v2/' || response.writeHead(404).end()),
      (repository) => repository.referrers(subject),
    );
    assert.deepEqual(none.manifests, []);
  });
});
