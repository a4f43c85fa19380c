import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { against, digestOf, failsWith } from './testing/against.ts';
import { type Handler } from './testing/server.ts';

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
