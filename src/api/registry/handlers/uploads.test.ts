import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openTestRegistry, sha256, sha512, type TestRegistry } from '../testing/registry.ts';

describe('pushing blobs', () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await openTestRegistry();
  });
  after(async () => registry[Symbol.asyncDispose]());

  const begin = async (name = 'some/repo'): Promise<string> => {
    const answer = await registry.fetch('POST', `/v2/${name}/blobs/uploads/`);
    assert.equal(answer.status, 202);
    const location = answer.headers.get('location') ?? '';
    assert.match(location, /^\/v2\/.+\/blobs\/uploads\/[0-9a-f-]{36}$/);
    assert.equal(answer.headers.get('range'), '0-0');
    assert.equal(location.endsWith(answer.headers.get('docker-upload-uuid') ?? '?'), true);
    return location;
  };

  const uploadsLeft = async (): Promise<number> => (await readdir(join(registry.root, 'uploads'))).length;

  test('POST then PUT stores a blob that can be fetched where Location says', async () => {
    const content = 'post then put';
    const answer = await registry.fetch('PUT', `${await begin()}?digest=${sha256(content)}`, { body: content });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('docker-content-digest'), sha256(content));
    const fetched = await registry.fetch('GET', answer.headers.get('location') ?? '');
    assert.equal(fetched.bytes.toString(), content);
    assert.equal(await uploadsLeft(), 0);
  });

  test('a single POST stores a blob', async () => {
    const content = 'in one go';
    const answer = await registry.fetch('POST', `/v2/some/repo/blobs/uploads/?digest=${sha256(content)}`, { body: content });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('location'), `/v2/some/repo/blobs/${sha256(content)}`);
  });

  test('a blob without bytes is a blob', async () => {
    const answer = await registry.fetch('PUT', `${await begin()}?digest=${sha256('')}`);
    assert.equal(answer.status, 201);
    const fetched = await registry.fetch('GET', `/v2/some/repo/blobs/${sha256('')}`);
    assert.deepEqual([fetched.status, fetched.bytes.length, fetched.headers.get('content-length')], [200, 0, '0']);
    const range = await registry.fetch('GET', `/v2/some/repo/blobs/${sha256('')}`, { headers: { range: 'bytes=0-0' } });
    assert.equal(range.status, 416);
  });

  test('sha512 is as good, announced or not', async () => {
    const content = 'longer digest';
    for (const query of ['', '?digest-algorithm=sha512']) {
      const begun = await registry.fetch('POST', `/v2/other/repo/blobs/uploads/${query}`);
      const location = begun.headers.get('location') ?? '';
      assert.equal((await registry.fetch('PATCH', location, { body: content })).status, 202);
      assert.equal((await registry.fetch('PUT', `${location}?digest=${encodeURIComponent(sha512(content))}`)).status, 201);
    }
    const fetched = await registry.fetch('GET', `/v2/other/repo/blobs/${sha512(content)}`);
    assert.equal(fetched.bytes.toString(), content);
    const unknown = await registry.fetch('POST', '/v2/other/repo/blobs/uploads/?digest-algorithm=md5');
    assert.deepEqual([unknown.status, unknown.codes], [400, ['DIGEST_INVALID']]);
  });

  test('chunks arrive in order, and the last may come with PUT', async () => {
    const location = await begin();
    const chunks = ['first ', 'second ', 'third'];
    let sent = 0;
    for (const chunk of chunks.slice(0, 2)) {
      const range = `${sent}-${sent + chunk.length - 1}`;
      const answer = await registry.fetch('PATCH', location, { headers: { 'content-range': range }, body: chunk });
      sent += chunk.length;
      assert.deepEqual([answer.status, answer.headers.get('range'), answer.headers.get('location')], [202, `0-${sent - 1}`, location]);
    }
    const status = await registry.fetch('GET', location);
    assert.deepEqual([status.status, status.headers.get('range'), status.headers.get('location')], [204, `0-${sent - 1}`, location]);
    const whole = chunks.join('');
    const last = await registry.fetch('PUT', `${location}?digest=${sha256(whole)}`, {
      headers: { 'content-range': `${sent}-${whole.length - 1}` },
      body: chunks[2] ?? '',
    });
    assert.equal(last.status, 201);
    assert.equal((await registry.fetch('GET', `/v2/some/repo/blobs/${sha256(whole)}`)).bytes.toString(), whole);
  });

  test('a chunk that does not follow is answered 416 with what has arrived, and changes nothing', async () => {
    const location = await begin();
    assert.equal((await registry.fetch('PATCH', location, { headers: { 'content-range': '3-5' }, body: 'abc' })).status, 416);
    assert.equal((await registry.fetch('PATCH', location, { headers: { 'content-range': '0-2' }, body: 'abc' })).status, 202);
    for (const range of ['0-2', '2-4', '4-6', '3-9', '5-3', 'x-y', '-', '3-', '99999999999999999999-99999999999999999999']) {
      const answer = await registry.fetch('PATCH', location, { headers: { 'content-range': range }, body: 'def' });
      assert.deepEqual([range, answer.status, answer.codes, answer.headers.get('range')], [range, 416, ['BLOB_UPLOAD_INVALID'], '0-2']);
    }
    assert.equal(
      (await registry.fetch('PUT', `${location}?digest=${sha256('abcdef')}`, { headers: { 'content-range': '0-2' }, body: 'def' })).status,
      416,
    );
    const end = await registry.fetch('PUT', `${location}?digest=${sha256('abcdef')}`, { headers: { 'content-range': '3-5' }, body: 'def' });
    assert.equal(end.status, 201);
  });

  test('a digest that the content does not have is refused, and the content is not kept', async () => {
    const lie = sha256('something else');
    const byPut = await registry.fetch('PUT', `${await begin()}?digest=${lie}`, { body: 'the truth' });
    const byPost = await registry.fetch('POST', `/v2/some/repo/blobs/uploads/?digest=${lie}`, { body: 'the truth' });
    for (const answer of [byPut, byPost]) assert.deepEqual([answer.status, answer.codes], [400, ['DIGEST_INVALID']]);
    assert.equal((await registry.fetch('HEAD', `/v2/some/repo/blobs/${lie}`)).status, 404);
  });

  test('a PUT without a digest, or with one that is none, is refused and the upload goes on', async () => {
    const location = await begin();
    for (const query of [
      '',
      '?digest=',
      '?digest=sha256:short',
      '?digest=md5:d41d8cd98f00b204e9800998ecf8427e',
      `?digest=${sha256('x').toUpperCase()}`,
    ]) {
      const answer = await registry.fetch('PUT', `${location}${query}`, { body: 'x' });
      assert.deepEqual([query, answer.status, answer.codes], [query, 400, ['DIGEST_INVALID']]);
    }
    assert.equal((await registry.fetch('PUT', `${location}?digest=${sha256('x')}`, { body: 'x' })).status, 201);
  });

  test('a cancelled upload is unknown from then on', async () => {
    const location = await begin();
    assert.equal((await registry.fetch('DELETE', location)).status, 204);
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      const answer = await registry.fetch(
        method,
        `${location}?digest=${sha256('x')}`,
        method === 'GET' || method === 'DELETE' ? {} : { body: 'x' },
      );
      assert.deepEqual([method, answer.status, answer.codes], [method, 404, ['BLOB_UPLOAD_UNKNOWN']]);
    }
  });

  test('an upload belongs to its repository, and its id is no path', async () => {
    const location = await begin('mine');
    const id = location.split('/').at(-1) ?? '';
    for (const path of [
      `/v2/yours/blobs/uploads/${id}`,
      '/v2/mine/blobs/uploads/..',
      '/v2/mine/blobs/uploads/..%2f..%2fformat',
      `/v2/mine/blobs/uploads/${id}%00`,
    ]) {
      const answer = await rawRequest(registry.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 4(00|04) /, path);
    }
    assert.equal((await registry.fetch('DELETE', location)).status, 204);
  });

  test('a blob is mounted from a repository that has it; what cannot be mounted becomes an upload', async () => {
    const digest = await registry.pushBlob('source', 'to be shared');
    const mounted = await registry.fetch('POST', `/v2/target/blobs/uploads/?mount=${digest}&from=source`);
    assert.deepEqual([mounted.status, mounted.headers.get('location')], [201, `/v2/target/blobs/${digest}`]);
    assert.equal((await registry.fetch('GET', `/v2/target/blobs/${digest}`)).bytes.toString(), 'to be shared');
    for (const query of [
      `mount=${digest}&from=nobody`,
      `mount=${sha256('none')}`,
      `mount=${sha256('none')}&from=source`,
      `mount=${digest}&from=../source`,
    ]) {
      const answer = await registry.fetch('POST', `/v2/third/blobs/uploads/?${query}`);
      assert.deepEqual([query, answer.status], [query, 202]);
      assert.equal((await registry.fetch('DELETE', answer.headers.get('location') ?? '')).status, 204);
    }
    const bad = await registry.fetch('POST', '/v2/third/blobs/uploads/?mount=nonsense&from=source');
    assert.deepEqual([bad.status, bad.codes], [400, ['DIGEST_INVALID']]);
  });

  test('a mount that names no repository finds one that has the blob', async () => {
    const digest = await registry.pushBlob('hidden/source', 'to be found');
    for (const query of [`mount=${digest}`, `mount=${digest}&from=`]) {
      const mounted = await registry.fetch('POST', `/v2/finder/blobs/uploads/?${query}`);
      assert.deepEqual([mounted.status, mounted.headers.get('location')], [201, `/v2/finder/blobs/${digest}`]);
    }
    assert.equal((await registry.fetch('GET', `/v2/finder/blobs/${digest}`)).bytes.toString(), 'to be found');
    for (const name of ['hidden/source', 'finder'])
      assert.equal((await registry.fetch('DELETE', `/v2/${name}/blobs/${digest}`)).status, 202);
    assert.equal((await registry.fetch('POST', `/v2/finder/blobs/uploads/?mount=${digest}`)).status, 202);
  });

  test('what a broken connection has brought stays, and the upload goes on from there', async () => {
    const location = await begin();
    const socket = connect(registry.port, '127.0.0.1');
    const first = Buffer.alloc(300_000, 'a');
    socket.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n`);
    socket.write(first, () => socket.end());
    await new Promise((resolve) => socket.resume().on('close', resolve));
    const arrived = async (): Promise<number> => Number((await registry.fetch('GET', location)).headers.get('range')?.split('-')[1]) + 1;
    // The server may still be at it when our side is closed: a chunk is refused until it has noticed.
    let size = await arrived();
    while (size < first.length) size = await arrived();
    assert.equal(size, first.length);
    const rest = Buffer.alloc(600_000, 'b');
    let answer = await registry.fetch('PATCH', location, { headers: { 'content-range': `${size}-${size + rest.length - 1}` }, body: rest });
    while (answer.status === 409)
      answer = await registry.fetch('PATCH', location, { headers: { 'content-range': `${size}-${size + rest.length - 1}` }, body: rest });
    assert.equal(answer.status, 202);
    const digest = sha256(Buffer.concat([first, rest]));
    assert.equal((await registry.fetch('PUT', `${location}?digest=${digest}`)).status, 201);
  });

  test('many uploads of the same blob at once all succeed', async () => {
    const content = Buffer.alloc(3_000_000, 'same');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => registry.fetch('POST', `/v2/crowd/blobs/uploads/?digest=${sha256(content)}`, { body: content })),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array(8).fill(201),
    );
    assert.deepEqual((await registry.storage.check()).problems, []);
  });

  test('two requests that write one upload at once do not mix', async () => {
    const location = await begin();
    const chunk = Buffer.alloc(2_000_000, 'c');
    const answers = await Promise.all(
      [1, 2, 3].map(() => registry.fetch('PATCH', location, { headers: { 'content-range': `0-${chunk.length - 1}` }, body: chunk })),
    );
    assert.equal(answers.filter(({ status }) => status === 202).length, 1);
    assert.equal((await registry.fetch('PUT', `${location}?digest=${sha256(chunk)}`)).status, 201);
  });

  test('uploads outlive the server', async () => {
    const location = await begin();
    await registry.fetch('PATCH', location, { body: 'before the restart, ' });
    await using again = await openTestRegistry({ root: registry.root });
    assert.equal((await again.fetch('GET', location)).headers.get('range'), '0-19');
    await again.fetch('PATCH', location, { body: 'after' });
    const digest = sha256('before the restart, after');
    assert.equal((await again.fetch('PUT', `${location}?digest=${digest}`)).status, 201);
  });
});

function rawRequest(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      heard += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(heard));
    socket.end(text);
  });
}
