import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { imageOf, ociManifest, openTestRegistry, sha256, type TestRegistry } from './testing/registry.ts';

/** A connection that reads only when it is told to. */
async function say(registry: TestRegistry, head: string, body = ''): Promise<Socket> {
  const socket = connect(registry.port, '127.0.0.1').pause();
  await once(socket, 'connect');
  // A server that has heard enough may reset the connection.
  socket.on('error', () => undefined);
  socket.write(`${head} HTTP/1.1\r\nHost: x\r\n${body === '' ? '' : 'Content-Length: 1000000\r\n'}\r\n${body}`);
  return socket;
}

async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  if (!socket.destroyed) await new Promise((resolve) => socket.on('close', resolve));
  return Buffer.concat(chunks);
}

async function begin(registry: TestRegistry): Promise<string> {
  return (await registry.fetch('POST', '/v2/a/blobs/uploads/')).headers.get('location') ?? '';
}

/** More than the buffers of two sockets hold. */
const large = Buffer.alloc(24 << 20, 'download');

describe('uploads that do not go on', () => {
  test('a silent one is cut off, what it brought is kept, and somebody else goes on', async () => {
    await using registry = await openTestRegistry({ idleMs: 500 });
    const location = await begin(registry);
    const silent = await say(registry, `PATCH ${location}`, 'abc');
    await readToEnd(silent);
    const goOn = () =>
      registry.fetch('PUT', `${location}?digest=${sha256('abcdef')}`, { body: 'def', headers: { 'content-range': '3-5' } });
    let answer = await goOn();
    // We may know that it is cut off before the server has put away what it had brought.
    while (answer.status === 409 || answer.status === 416) answer = await goOn();
    assert.equal(answer.status, 201);
  });

  test('one that drips is answered 408', async () => {
    await using registry = await openTestRegistry({ idleMs: 2000 });
    const location = await begin(registry);
    const dripping = await say(registry, `PATCH ${location}`, 'x');
    using drip = setInterval(() => void dripping.write('x'), 20);
    const heard = String(await readToEnd(dripping));
    drip.close();
    assert.match(heard, /^HTTP\/1\.1 408 /);
    const { status, headers } = await registry.fetch('GET', location);
    assert.deepEqual([status, Number(headers.get('range')?.split('-')[1]) > 0], [204, true]);
    assert.equal((await registry.fetch('DELETE', location)).status, 204);
  });

  test('a steady one is left alone however long it takes', async () => {
    await using registry = await openTestRegistry({ idleMs: 1000 });
    const location = await begin(registry);
    const steady = await say(registry, `PATCH ${location}`, 'x'.repeat(400_000));
    for (let round = 0; round < 6; round++) {
      await sleep(300);
      steady.write('x'.repeat(100_000));
    }
    const [answer] = (await once(steady.resume(), 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 202 /);
    steady.destroy();
  });
});

describe('a server that stops', () => {
  test('ends the downloads that are running, takes no new connections, and does not wait for idle ones', async () => {
    await using registry = await openTestRegistry();
    const digest = await registry.pushBlob('a', large);
    const idle = await say(registry, 'GET /v2/');
    await once(idle.resume(), 'data');
    const running = await say(registry, `GET /v2/a/blobs/${digest}`);
    await once(running, 'readable');
    let closed = false;
    const closing = registry.server.close(120_000).then(() => (closed = true));
    await assert.rejects(fetch(registry.url));
    assert.equal(closed, false);
    const heard = await readToEnd(running);
    assert.ok(heard.subarray(-large.length).equals(large));
    await closing;
  });

  test('does not cut an answer that a slow client is still reading', async () => {
    await using registry = await openTestRegistry();
    await registry.pushBlob('a', '{}');
    const annotations = Object.fromEntries(Array.from({ length: 350 }, (_, at) => [`a${at}`, 'A'.repeat(10_000)]));
    const subject = { mediaType: ociManifest, digest: sha256('subject'), size: 7 };
    for (const tag of ['t', 'u', 'v', 'w'])
      await registry.pushManifest('a', tag, imageOf('{}', [], { annotations: { ...annotations, tag }, subject }));
    const slow = await say(registry, `GET /v2/a/referrers/${subject.digest}`);
    await once(slow, 'readable');
    const closing = registry.server.close(120_000);
    assert.ok((await readToEnd(slow)).length > 14_000_000);
    await closing;
  });

  test('cuts those that do not come to an end in time', async () => {
    await using registry = await openTestRegistry();
    const stalled = await say(registry, `GET /v2/a/blobs/${await registry.pushBlob('a', large)}`);
    await once(stalled, 'readable');
    await registry.server.close(100);
    assert.ok((await readToEnd(stalled)).length < large.length);
  });
});

test('clients that do not read hold nobody else up', async () => {
  await using registry = await openTestRegistry();
  const path = `/v2/a/blobs/${await registry.pushBlob('a', large)}`;
  const stalled = await Promise.all(Array.from({ length: 20 }, () => say(registry, `GET ${path}`)));
  for (const socket of stalled) await once(socket, 'readable');
  assert.ok((await registry.fetch('GET', path)).bytes.equals(large));
  const digest = await registry.pushBlob('b', 'meanwhile');
  assert.equal((await registry.fetch('GET', `/v2/b/blobs/${digest}`)).status, 200);
  for (const socket of stalled) socket.destroy();
});

test('content that has become shorter breaks the connection instead of the next answer', async () => {
  await using registry = await openTestRegistry();
  const digest = await registry.pushBlob('a', large);
  const blobSize = () => Promise.resolve(large.length + 9);
  await using damaged = await openTestRegistry({ storage: { ...registry.storage, blobSize } });
  await assert.rejects(damaged.fetch('GET', `/v2/a/blobs/${digest}`));
  assert.ok(damaged.log.some(({ message }) => message === 'request failed'));
});

test('each request is a line of the log and counts in the metrics', async () => {
  await using registry = await openTestRegistry();
  const digest = await registry.pushBlob('some/app', 'counted');
  await registry.fetch('GET', `/v2/some/app/blobs/${digest}`, { headers: { 'user-agent': 'tester' } });
  await registry.fetch('GET', '/v2/some/app/manifests/none');
  const text = (await registry.fetch('GET', '/metrics')).bytes.toString();
  for (const line of [
    'orlop_registry_requests_total{method="POST",route="uploads",code="201"} 1',
    'orlop_registry_requests_total{method="GET",route="blob",code="200"} 1',
    'orlop_registry_requests_total{method="GET",route="manifest",code="404"} 1',
    'orlop_registry_request_duration_seconds_count{method="GET",route="blob"} 1',
    'orlop_registry_requests_in_flight 1',
  ])
    assert.ok(text.includes(`${line}\n`), `${line} is not in ${text}`);
  for (const line of text.trimEnd().split('\n')) assert.match(line, /^(# (HELP|TYPE) [a-z_]+ \S.*|[a-z_]+(\{[^{}]*\})? [\d.e+-]+)$/);
  const [pushed] = registry.log.filter(({ method }) => method === 'POST');
  assert.ok(Number(pushed?.['received']) > 'counted'.length, 'what comes with the head of a request counts');
  const got = registry.log.find(({ agent }) => agent === 'tester');
  assert.deepEqual(
    [got?.['method'], got?.['path'], got?.['status'], got?.['cut']],
    ['GET', `/v2/some/app/blobs/${digest}`, 200, undefined],
  );
});
