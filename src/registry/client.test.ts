import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { isOrlopError, OrlopError, type ErrorKind } from '#errors';
import { type Descriptor, type Digest, mediaTypes, parseDigest } from '#oci';
import { createRegistryClient } from './client.ts';
import { type Handler, openServer } from './testing/server.ts';
import type { Credential, Repository } from './types.ts';

const limits = { stallMs: 300, attempts: 3, backoffMs: 1, longestWaitMs: 20 };
const secret: Credential = { type: 'password', username: 'jo', password: 'geheim' };

const digestOf = (bytes: Uint8Array): Digest => parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Calls `use` with the repository `team/app` of a server that does what `handler` says. */
async function against<T>(
  handler: Handler,
  use: (repository: Repository, server: Awaited<ReturnType<typeof openServer>>) => Promise<T>,
  credential: Credential | null = null,
): Promise<T> {
  await using server = await openServer(handler);
  using client = createRegistryClient({ limits, certificateDirectories: [] });
  return await use(client.repository({ domain: server.host, path: 'team/app' }, { credentials: () => credential }), server);
}

const failsWith = (kind: ErrorKind, pattern: RegExp) => (error: unknown) => isOrlopError(error, kind) && pattern.test(error.message);

describe('a registry that lies or fails', () => {
  const blobBytes = randomBytes(300_000);
  const blob: Descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(blobBytes), size: blobBytes.length };

  test('a manifest with another digest than was asked for, or than was announced, is data-loss and names the reference', async () => {
    const wanted = digestOf(Buffer.from('something else'));
    await against(
      (_, response) => response.end('{"schemaVersion":2}'),
      (repository) => assert.rejects(repository.fetchManifest(wanted), failsWith('data-loss', new RegExp(`team/app@${wanted}`))),
    );
    await against(
      (_, response) => response.setHeader('docker-content-digest', wanted).end('{"schemaVersion":2}'),
      (repository) =>
        assert.rejects(
          repository.fetchManifest('latest'),
          failsWith('data-loss', /team\/app:latest: the manifest that came has the digest/),
        ),
    );
    await against(
      (_, response) => response.setHeader('docker-content-digest', wanted).setHeader('content-length', 5).end(),
      (repository) => assert.rejects(repository.resolve(digestOf(Buffer.from('x'))), failsWith('data-loss', /another|the digest/)),
    );
  });

  test('a manifest without an end is refused at 4 MiB', async () => {
    await against(
      (request, response) => {
        if (request.url === '/v2/') return;
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
        };
        response.on('drain', more);
        more();
      },
      (repository) => assert.rejects(repository.fetchManifest('latest'), failsWith('invalid-argument', /more than 4194304 bytes/)),
    );
  });

  test('a blob with other bytes, too many or too few, is data-loss', async () => {
    const cases: [Buffer, RegExp][] = [
      [Buffer.alloc(blob.size), /another digest/],
      [Buffer.concat([blobBytes, Buffer.from('x')]), /more than the 300000 bytes/],
      [blobBytes.subarray(1), /299999 bytes, not the 300000/],
    ];
    for (const [bytes, pattern] of cases) {
      await against(
        (_, response) => response.end(bytes),
        (repository) => assert.rejects(collect(repository.fetchBlob(blob)), failsWith('data-loss', pattern)),
      );
    }
  });

  test('a connection that breaks again and again is taken up where it broke', async () => {
    const ranges: (string | undefined)[] = [];
    const bytes = await against(
      (request, response) => {
        if (request.url === '/v2/') return;
        const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        ranges.push(request.headers.range);
        response.writeHead(start === 0 ? 200 : 206, {
          'content-length': blob.size - start,
          ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${blob.size - 1}/${blob.size}` }),
        });
        const end = Math.min(blob.size, start + 80_000);
        response.write(blobBytes.subarray(start, end), () => (end === blob.size ? response.end() : response.socket?.end()));
      },
      (repository) => collect(repository.fetchBlob(blob)),
    );
    assert.deepEqual(bytes, blobBytes);
    assert.deepEqual(ranges, [undefined, 'bytes=80000-', 'bytes=160000-', 'bytes=240000-']);
  });

  test('a server that ignores the range gets its bytes passed over, one that answers with another part is refused', async () => {
    let tries = 0;
    const broken: Handler = (request, response) => {
      if (request.url === '/v2/') return;
      tries += 1;
      response.writeHead(200, { 'content-length': blob.size });
      if (tries === 1) response.write(blobBytes.subarray(0, 1000), () => response.socket?.end());
      else response.end(blobBytes);
    };
    assert.deepEqual(await against(broken, (repository) => collect(repository.fetchBlob(blob))), blobBytes);
    tries = 0;
    const shifted: Handler = (request, response) => {
      if (request.headers.range === undefined) return broken(request, response, Buffer.alloc(0));
      response.writeHead(206, { 'content-range': `bytes 0-10/${blob.size}` }).end(blobBytes.subarray(0, 11));
    };
    await against(shifted, (repository) =>
      assert.rejects(collect(repository.fetchBlob(blob)), failsWith('data-loss', /begins at 0, not at 1000/)),
    );
  });

  test('a server that falls silent is a deadline, before and in an answer', async () => {
    await against(
      () => undefined,
      async (repository, server) => {
        await assert.rejects(repository.fetchManifest('latest'), failsWith('deadline-exceeded', /nothing came/));
        assert.equal(server.asked.filter(({ url }) => url !== '/v2/').length, limits.attempts);
      },
    );
    await against(
      (request, response) => void (request.url === '/v2/' || response.writeHead(200, { 'content-length': blob.size }).write('x')),
      (repository) => assert.rejects(collect(repository.fetchBlob({ ...blob })), isOrlopError),
    );
  });

  test('redirects in a circle end, and to plain HTTP elsewhere they are not followed from https', async () => {
    await against(
      (request, response) => void (request.url === '/v2/' || response.writeHead(307, { location: request.url ?? '' }).end()),
      (repository) => assert.rejects(collect(repository.fetchBlob(blob)), failsWith('unavailable', /redirects more than 5 times/)),
    );
    await against(
      (request, response) => void (request.url === '/v2/' || response.writeHead(307, { location: 'file:///etc/passwd' }).end()),
      (repository) => assert.rejects(collect(repository.fetchBlob(blob)), failsWith('unavailable', /no https address/)),
    );
  });

  test('429 and 503 are waited out, as often as allowed; others are errors at once', async () => {
    let left = 2;
    const busy: Handler = (request, response) => {
      if (request.url === '/v2/') return;
      if (left-- > 0) response.writeHead(left === 0 ? 503 : 429, { 'retry-after': '0' }).end();
      else response.end('{}');
    };
    assert.equal((await against(busy, (repository) => repository.fetchManifest('latest'))).bytes.toString(), '{}');
    left = 100;
    await against(busy, (repository) =>
      assert.rejects(repository.fetchManifest('latest'), failsWith('resource-exhausted', /too many requests/)),
    );
    await against(
      (request, response) =>
        void (
          request.url === '/v2/' ||
          response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"it is\\u0007 not here"}]}')
        ),
      async (repository, server) => {
        await assert.rejects(repository.fetchManifest('latest'), failsWith('not-found', /team\/app:latest: not found: it is not here$/));
        assert.equal(server.asked.length, 2);
      },
    );
  });

  test('a list of tags is read page by page and never leaves the host or goes in circles', async () => {
    const pages: Handler = (request, response) => {
      if (request.url === '/v2/') return;
      const last = new URL(request.url ?? '', 'http://x').searchParams.get('last');
      if (last === null) response.setHeader('link', '</v2/team/app/tags/list?last=b&n=2>; rel="next"').end('{"tags":["a","b"]}');
      else response.end('{"tags":["c"]}');
    };
    assert.deepEqual(await against(pages, (repository) => repository.tags()), ['a', 'b', 'c']);
    for (const link of ['</v2/team/app/tags/list>; rel="next"', '<http://localhost:1/x>; rel=next']) {
      await against(
        (request, response) => void (request.url === '/v2/' || response.setHeader('link', link).end('{"tags":["a"]}')),
        (repository) => assert.rejects(repository.tags(), failsWith('unavailable', /no end|elsewhere/)),
      );
    }
  });

  test('a cancelled call ends at once and says so', async () => {
    const abort = new AbortController();
    await against(
      (request) => void (request.url === '/v2/' || abort.abort()),
      (repository) => assert.rejects(repository.fetchManifest('latest', { signal: abort.signal }), { kind: 'cancelled' }),
    );
  });
});

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

describe('uploads', () => {
  const bytes = randomBytes(2500);
  const digest = digestOf(bytes);
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 700);
    yield bytes.subarray(700);
  };

  test('in parts: each says where the next goes, none is smaller than the registry wants', async () => {
    const parts: string[] = [];
    let at = 0;
    const handler: Handler = (request, response, body) => {
      if (request.method === 'POST') response.writeHead(202, { location: '/upload/0?s=a', 'oci-chunk-min-length': '1000' }).end();
      else if (request.method === 'PATCH') {
        parts.push(`${request.url} ${request.headers['content-range']} ${body.length}`);
        response.writeHead(202, { location: `/upload/${++at}?s=b` }).end();
      } else response.writeHead(201).end();
    };
    await against(handler, async (repository, server) => {
      await repository.uploadBlob({ digest, size: bytes.length }, open, { chunkBytes: 10 });
      assert.equal(server.asked.at(-1)?.url, `/upload/3?s=b&digest=${encodeURIComponent(digest)}`);
    });
    assert.deepEqual(parts, ['/upload/0?s=a 0-999 1000', '/upload/1?s=b 1000-1999 1000', '/upload/2?s=b 2000-2499 500']);
  });

  test('a broken one is begun anew, a refused one is given up and cancelled', async () => {
    let puts = 0;
    const flaky: Handler = (request, response) => {
      if (request.method === 'POST') response.writeHead(202, { location: '/upload/x' }).end();
      else if (request.method === 'PUT' && puts++ === 0) response.socket?.destroy();
      else response.writeHead(request.method === 'PUT' ? 201 : 204).end();
    };
    await against(flaky, (repository) => repository.uploadBlob({ digest, size: bytes.length }, open));
    assert.equal(puts, 2);
    const refusing: Handler = (request, response) => {
      if (request.method === 'POST') response.writeHead(202, { location: '/upload/x' }).end();
      else response.writeHead(request.method === 'PUT' ? 400 : 204).end('{"errors":[{"code":"DIGEST_INVALID","message":"wrong"}]}');
    };
    await against(refusing, async (repository, server) => {
      await assert.rejects(repository.uploadBlob({ digest, size: bytes.length }, open), failsWith('invalid-argument', /wrong/));
      assert.equal(server.asked.at(-1)?.method, 'DELETE');
    });
  });

  test('a mount that the registry does not do is told, and its upload cancelled', async () => {
    const handler: Handler = (request, response) => {
      if (request.method !== 'POST') return void response.writeHead(204).end();
      const did = request.url?.includes('from=have') === true;
      response.writeHead(did ? 201 : 202, { location: '/upload/m' }).end();
    };
    await against(handler, async (repository, server) => {
      assert.equal(await repository.mountBlob(digest, 'have'), true);
      assert.equal(await repository.mountBlob(digest, 'other'), false);
      assert.equal(server.asked.at(-1)?.method, 'DELETE');
    });
  });
});

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
