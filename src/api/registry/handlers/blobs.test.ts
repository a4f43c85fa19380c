import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openTestRegistry, sha256, type TestRegistry } from '../testing/registry.ts';

describe('pulling blobs', () => {
  let registry: TestRegistry;
  const content = '0123456789';
  const path = `/v2/some/repo/blobs/${sha256(content)}`;
  before(async () => {
    registry = await openTestRegistry();
    await registry.pushBlob('some/repo', content);
  });
  after(async () => registry[Symbol.asyncDispose]());

  test('HEAD tells what GET would bring', async () => {
    const head = await registry.fetch('HEAD', path);
    const get = await registry.fetch('GET', path);
    assert.deepEqual([head.status, head.bytes.length, get.bytes.toString()], [200, 0, content]);
    for (const name of [
      'content-length',
      'content-type',
      'docker-content-digest',
      'accept-ranges',
      'etag',
      'docker-distribution-api-version',
    ])
      assert.equal(head.headers.get(name), get.headers.get(name), name);
    assert.equal(get.headers.get('docker-content-digest'), sha256(content));
    assert.equal(get.headers.get('content-length'), '10');
  });

  test('a colon may be escaped', async () => {
    assert.equal((await registry.fetch('GET', path.replace(':', '%3A'))).status, 200);
  });

  const ranges: readonly [range: string, status: number, body: string | null, contentRange: string | null][] = [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-30', 206, content, 'bytes 0-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['bytes=9-9', 206, '9', 'bytes 9-9/10'],
    ['bytes=10-', 416, null, 'bytes */10'],
    ['bytes=-0', 416, null, 'bytes */10'],
    ['bytes=5-2', 416, null, 'bytes */10'],
    ['bytes=0-1,3-4', 200, content, null],
    ['lines=0-1', 200, content, null],
    ['bytes=-', 200, content, null],
  ];
  for (const [range, status, body, contentRange] of ranges) {
    test(`Range: ${range} is answered ${status}`, async () => {
      const answer = await registry.fetch('GET', path, { headers: { range } });
      assert.deepEqual([answer.status, answer.headers.get('content-range')], [status, contentRange]);
      if (body !== null) assert.equal(answer.bytes.toString(), body);
    });
  }

  test('what the client has already is not sent again', async () => {
    const tag = `"${sha256(content)}"`;
    for (const method of ['GET', 'HEAD']) {
      const answer = await registry.fetch(method, path, { headers: { 'if-none-match': `"other", W/${tag}` } });
      assert.deepEqual([answer.status, answer.bytes.length, answer.headers.get('etag')], [304, 0, tag]);
    }
    assert.equal((await registry.fetch('GET', path, { headers: { 'if-none-match': '"other"' } })).status, 200);
    assert.equal((await registry.fetch('GET', path, { headers: { 'if-range': tag, range: 'bytes=0-1' } })).status, 206);
    assert.equal((await registry.fetch('GET', path, { headers: { 'if-range': '"other"', range: 'bytes=0-1' } })).status, 200);
  });

  test('an unknown blob, another repository and a bad digest have their errors', async () => {
    const unknown = await registry.fetch('GET', `/v2/some/repo/blobs/${sha256('none')}`);
    assert.deepEqual([unknown.status, unknown.codes], [404, ['BLOB_UNKNOWN']]);
    const elsewhere = await registry.fetch('GET', `/v2/other/repo/blobs/${sha256(content)}`);
    assert.deepEqual([elsewhere.status, elsewhere.codes], [404, ['BLOB_UNKNOWN']]);
    const bad = await registry.fetch('GET', '/v2/some/repo/blobs/sha256:..%2f..%2fformat');
    assert.equal(bad.status, 404);
    const short = await registry.fetch('GET', '/v2/some/repo/blobs/sha256:abc');
    assert.deepEqual([short.status, short.codes], [400, ['DIGEST_INVALID']]);
  });

  test('DELETE takes a blob out of one repository only', async () => {
    const digest = await registry.pushBlob('one', 'shared');
    await registry.pushBlob('two', 'shared');
    assert.equal((await registry.fetch('DELETE', `/v2/one/blobs/${digest}`)).status, 202);
    assert.equal((await registry.fetch('GET', `/v2/one/blobs/${digest}`)).status, 404);
    const again = await registry.fetch('DELETE', `/v2/one/blobs/${digest}`);
    assert.deepEqual([again.status, again.codes], [404, ['BLOB_UNKNOWN']]);
    assert.equal((await registry.fetch('GET', `/v2/two/blobs/${digest}`)).status, 200);
  });
});
