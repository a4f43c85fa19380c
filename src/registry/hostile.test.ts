import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { isOrlopError } from '#errors';
import { type Descriptor, mediaTypes } from '#oci';
import { retryAfterMs } from './endpoint.ts';
import { against, collect, digestOf, failsWith, limits } from './testing/against.ts';
import { type Handler } from './testing/server.ts';

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

  test('a server that sends a byte now and then is no better than one that falls silent', async () => {
    const drip: Handler = (request, response) => {
      if (request.url === '/v2/') return;
      response.writeHead(200, { 'content-length': blob.size });
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    };
    await against(drip, (repository) =>
      assert.rejects(collect(repository.fetchBlob(blob)), failsWith('deadline-exceeded', /(?:only \d+ bytes|nothing) came for/)),
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
      assert.rejects(repository.fetchManifest('latest'), failsWith('resource-exhausted', /toomanyrequests: too many requests/)),
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

  test('who asks to wait longer than anyone would is not waited for: its words come at once, and when to try again', async () => {
    const limited: Handler = (request, response) => {
      if (request.url === '/v2/') return;
      const text = JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'You have reached your pull rate limit.' }] });
      response.writeHead(429, { 'retry-after': '21600' }).end(text);
    };
    await against(limited, async (repository, server) => {
      await assert.rejects(repository.fetchManifest('latest'), (error) => {
        assert.ok(isOrlopError(error, 'resource-exhausted'));
        assert.match(error.message, /toomanyrequests: You have reached your pull rate limit\.$/);
        assert.match(error.hint ?? '', /in 21600 seconds/);
        return true;
      });
      assert.equal(server.asked.length, 2);
    });
  });

  test('a time to wait is seconds or a date, and nonsense is none', () => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(retryAfterMs('3', nowMs), 3000);
    assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:07 GMT', nowMs), 7000);
    for (const text of [undefined, '', 'soon', '-5', 'Wed, 31 Dec 2025 00:00:00 GMT']) assert.equal(retryAfterMs(text, nowMs), 0);
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
