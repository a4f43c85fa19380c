import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { isOrlopError } from '#errors';
import { connect } from '../index.ts';
import { collect, createTransport, type Transport } from './transport.ts';

/** Answers each request with the next of the texts, in pieces of so many bytes; '' closes the connection. */
interface Script {
  readonly answers: string[];
  readonly requests: string[];
  connections: number;
  pieceBytes: number;
}

describe('the transport', () => {
  let directory = '';
  let server: Server;
  let transport: Transport;
  let script: Script;
  let open: Socket[];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'orlop-client-'));
    script = { answers: [], requests: [], connections: 0, pieceBytes: 1 << 20 };
    open = [];
    server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, script, open));
    const path = join(directory, 's');
    server.listen(path);
    await once(server, 'listening');
    transport = createTransport({ host: `unix://${path}`, place: { scheme: 'unix', path }, tls: undefined });
  });
  afterEach(async () => {
    transport.close();
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });
  const get = async (path = '/x'): Promise<string> => collect((await transport.request({ method: 'GET', path })).body);

  test('says of a route of ours that the engine does not know that their versions differ', async () => {
    const body = '{"message":"page not found"}';
    const answer = `HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    script.answers.push(answer, answer);
    await assert.rejects(get('/orlop/v2/build'), { code: 'CLIENT_ENGINE_DIFFERS', message: /does not know GET \/orlop\/v2\/build$/ });
    await assert.rejects(get('/containers/x'), { code: 'HTTP_404', message: 'page not found' });
  });

  test('reads bodies by length, in chunks, and to the end, however they are cut', async () => {
    for (const pieceBytes of [1, 3, 7, 1000]) {
      script.pieceBytes = pieceBytes;
      script.answers.push(
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst',
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nseco\r\n2\r\nnd\r\n0\r\nTrailer: t\r\n\r\n',
        'HTTP/1.1 204 No Content\r\n\r\n',
        'HTTP/1.0 200 OK\r\n\r\nto the end',
      );
      assert.equal(await get(), 'first');
      assert.equal(await get(), 'second');
      assert.equal(await get(), '');
      const last = get();
      await once(server, 'answered');
      open.at(-1)?.end();
      assert.equal(await last, 'to the end');
    }
  });

  test('uses a connection again, and another one while it is busy', async () => {
    script.answers.push(...Array.from({ length: 4 }, (_, at) => `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${at}`));
    assert.equal(await get(), '0');
    assert.equal(await get(), '1');
    assert.equal(script.connections, 1);
    await Promise.all([get(), get()]);
    assert.equal(script.connections, 2);
  });

  test('sends queries, JSON and uploads as HTTP', async () => {
    script.answers.push('HTTP/1.1 204 No\r\n\r\n', 'HTTP/1.1 204 No\r\n\r\n');
    await transport.request({
      method: 'POST',
      path: '/a',
      query: { q: 'a b&c', flag: true, none: undefined, list: ['1', '2'] },
      json: { x: 'ü' },
    });
    assert.match(
      script.requests[0] ?? '',
      /^POST \/a\?q=a%20b%26c&flag=1&list=1&list=2 HTTP\/1\.1\r\nHost: orlop\r\n[^]*Content-Length: 10\r\n\r\n\{"x":"ü"\}$/,
    );
    async function* tar(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('abc');
      yield new Uint8Array();
      yield Buffer.from('0123456789abcdef');
    }
    await transport.request({ method: 'POST', path: '/b', upload: tar() });
    assert.match(script.requests[1] ?? '', /Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n$/);
  });

  test('errors of the engine keep their kind', async () => {
    const body = JSON.stringify({ message: 'm. H', kind: 'conflict', code: 'C', detail: 'm', hint: 'h' });
    script.answers.push(
      `HTTP/1.1 409 Conflict\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    await assert.rejects(get(), { kind: 'conflict', code: 'C', message: 'm', hint: 'h' });
    assert.equal(await get(), 'ok');
    assert.equal(script.connections, 1);
  });

  test('hands a connection over with what came early', async () => {
    script.answers.push('HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nUpgrade: tcp\r\n\r\nearly ');
    const { stream, contentType } = await transport.hijack({ method: 'POST', path: '/attach' });
    assert.equal(contentType, 'application/vnd.docker.raw-stream');
    open.at(-1)?.end('late');
    assert.equal(await collect(stream), 'early late');
  });

  test('a connection that closes instead of answering is asked again only where that is safe', async () => {
    script.answers.push('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', '', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain', '');
    assert.equal(await get(), 'ok');
    assert.equal(await get(), 'again');
    await assert.rejects(transport.request({ method: 'POST', path: '/x' }), { code: 'CLIENT_ENGINE_GONE' });
  });

  test('half an answer is never taken for a whole one', async () => {
    for (const text of [
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n',
      'HTTP/1.1 200 OK\r\nConte',
    ]) {
      script.answers.push(text);
      const answer = get();
      await once(server, 'answered');
      open.at(-1)?.end();
      await assert.rejects(answer, { kind: 'unavailable', code: 'CLIENT_ENGINE_GONE' });
    }
  });

  test('whatever a stranger answers, the outcome is text or a named error', async () => {
    const pieces = fc.constantFrom(
      'HTTP/1.1 ',
      '200',
      ' OK',
      '\r\n',
      '\r\n\r\n',
      'Content-Length: ',
      '3',
      '-1',
      'Transfer-Encoding: chunked',
      'zz',
      ':',
      '\0',
      '{}',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 12 }), async (words) => {
        script.answers.push(words.join(''));
        const answered = once(server, 'answered');
        const outcome = get().catch((error: unknown) => error);
        await answered;
        open.at(-1)?.destroy();
        const result = await outcome;
        assert.ok(typeof result === 'string' || isOrlopError(result), String(result));
      }),
      { numRuns: 200 },
    );
  });

  test('a signal gives a request up at any time', async () => {
    const controller = new AbortController();
    script.answers.push('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    const answer = await transport.request({ method: 'GET', path: '/x', signal: controller.signal });
    const body = collect(answer.body);
    controller.abort();
    await assert.rejects(body, { kind: 'cancelled' });
    await assert.rejects(transport.request({ method: 'GET', path: '/x', signal: controller.signal }), { kind: 'cancelled' });
  });

  test('a failing upload fails the request with its own error, before and after the answer has begun', async () => {
    async function* broken(begun: Promise<unknown>): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a');
      await begun;
      throw new Error('the disk is gone');
    }
    await assert.rejects(transport.request({ method: 'POST', path: '/x', upload: broken(Promise.resolve()) }), {
      message: 'the disk is gone',
    });
    const begun = Promise.withResolvers<void>();
    server.once('connection', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n'));
    const answer = await transport.request({ method: 'POST', path: '/x', upload: broken(begun.promise) });
    begun.resolve();
    await assert.rejects(collect(answer.body), { message: 'the disk is gone' });
  });
});

test('addresses that cannot be connected to say why', async () => {
  assert.throws(() => connect({ host: 'ssh://1.2.3.4' }), { kind: 'unimplemented' });
  await assert.rejects(connect({ host: 'tcp://127.0.0.1:1' }).ping(), { kind: 'invalid-argument', code: 'CLIENT_HOST_REFUSED' });
  assert.throws(() => connect({ host: 'nowhere' }), { kind: 'invalid-argument' });
  await assert.rejects(connect({ host: 'unix:///nonexistent/s' }).ping(), {
    kind: 'unavailable',
    message: 'cannot reach the engine at unix:///nonexistent/s',
  });
});

function serve(socket: Socket, script: Script, open: Socket[]): void {
  script.connections += 1;
  open.push(socket);
  let heard = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('utf8');
    const whole = /Transfer-Encoding: chunked/.test(heard) ? heard.endsWith('0\r\n\r\n') : isWhole(heard);
    if (!whole) return;
    script.requests.push(heard);
    heard = '';
    const answer = script.answers.shift();
    if (answer === undefined || answer === '') socket.end();
    else for (let at = 0; at < answer.length; at += script.pieceBytes) socket.write(answer.slice(at, at + script.pieceBytes));
    serverOf(socket).emit('answered');
  });
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  const length = Number(/Content-Length: (\d+)/.exec(text)?.[1] ?? 0);
  return end >= 0 && Buffer.byteLength(text.slice(end + 4)) >= length;
}

function serverOf(socket: Socket): Server {
  return (socket as Socket & { server: Server }).server;
}
