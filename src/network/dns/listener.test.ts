import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadAddon } from '#sys';
import { serveStreams, type Handler } from './listener.ts';
import { frame } from './upstream.ts';

const SOCK_STREAM = 1;
const addon = loadAddon();

/** Sends pieces and then the end; everything that comes back until the server has ended, too, as messages. */
async function converse(port: number, pieces: readonly Uint8Array[]): Promise<string[]> {
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(client, 'connect');
  const received: Buffer[] = [];
  client.on('data', (chunk: Buffer) => received.push(chunk));
  const ended = once(client, 'close');
  for (const piece of pieces) await new Promise((resolve) => client.write(piece, resolve));
  client.end();
  await ended;
  const all = Buffer.concat(received);
  const messages: string[] = [];
  for (let at = 0; at + 2 <= all.length; ) {
    const end = at + 2 + all.readUInt16BE(at);
    messages.push(all.toString('latin1', at + 2, end));
    at = end;
  }
  return messages;
}

function serve(handle: Handler) {
  return serveStreams(addon.bindInNamespace(-1, SOCK_STREAM, '127.0.0.1', 0), handle);
}

test('questions on one connection are all answered, however they are cut into pieces, now or later, and though the client has ended', async () => {
  using server = serve((message, _isStream, reply) => {
    const answer = Buffer.concat([Buffer.from('re:'), message]);
    if ((message[0] ?? 0) % 2 === 0) reply(answer);
    else setImmediate(() => reply(answer));
  });
  const someCuts = fc.array(fc.nat(300), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 60 }), someCuts, async (questions, cuts) => {
      const bytes = Buffer.concat(questions.map(frame));
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      const expected = questions.map((question) => `re:${Buffer.from(question).toString('latin1')}`);
      const order = (a: string, b: string): number => (a < b ? -1 : 1);
      assert.deepEqual((await converse(server.port, pieces)).toSorted(order), expected.toSorted(order));
    }),
    { numRuns: 40 },
  );
});

test('a client that says nothing sensible is hung up on, and half a question is no question', async () => {
  const asked: string[] = [];
  using server = serve((message, _isStream, reply) => {
    asked.push(Buffer.from(message).toString());
    reply(null);
  });
  assert.deepEqual(await converse(server.port, [frame(Buffer.from('x'))]), []);
  assert.deepEqual(await converse(server.port, [Buffer.of(0, 9, 1)]), []);
  assert.deepEqual(asked, ['x']);
});

test('no more than 32 questions of a connection wait at a time', async () => {
  const replies: (() => void)[] = [];
  let most = 0;
  using server = serve((message, _isStream, reply) => {
    replies.push(() => reply(message));
    most = Math.max(most, replies.length);
  });
  const answers = converse(
    server.port,
    Array.from({ length: 100 }, (_, index) => frame(Buffer.of(index))),
  );
  const timer = setInterval(() => {
    for (const reply of replies.splice(0)) reply();
  }, 20);
  assert.equal((await answers).length, 100);
  clearInterval(timer);
  assert.ok(most <= 32, `${most} waited`);
});

test('a client that asks without reading is not read from either, until it reads', async () => {
  const total = 20_000;
  const answer = Buffer.alloc(8192, 'x');
  let asked = 0;
  using server = serve((_message, _isStream, reply) => {
    asked += 1;
    reply(answer);
  });
  const client = connect({ port: server.port, host: '127.0.0.1' });
  client.pause();
  await once(client, 'connect');
  client.end(Buffer.concat(Array.from({ length: total }, () => frame(Buffer.from('?')))));
  for (let [last, calm] = [-1, 0]; calm < 10; last = asked) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    calm = asked === last && asked > 0 ? calm + 1 : 0;
  }
  assert.ok(asked < total, 'all questions were read');
  let received = 0;
  client.on('data', (chunk: Buffer) => (received += chunk.length));
  client.resume();
  await once(client, 'close');
  assert.deepEqual([asked, received], [total, total * (answer.length + 2)]);
});

test('a connection on which nothing happens is closed', async () => {
  using server = serveStreams(addon.bindInNamespace(-1, SOCK_STREAM, '127.0.0.1', 0), () => undefined, 20);
  const client = connect(server.port, '127.0.0.1');
  client.resume();
  await once(client, 'close');
});

test('disposing ends the connections that there are', async () => {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const server = serve(() => resolve());
  const client = connect(server.port, '127.0.0.1');
  client.on('error', () => undefined);
  const closed = new Promise((done) => client.on('close', done));
  client.write(frame(Buffer.from('x')));
  await asked;
  server[Symbol.dispose]();
  await closed;
});
