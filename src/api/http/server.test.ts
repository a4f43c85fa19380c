import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { OrlopError } from '#errors';
import { createLogger } from '#log';
import type { Route } from './router.ts';
import { createHttpServer, type HttpServer } from './server.ts';

const echo: Route['handle'] = async (exchange) => {
  const body = exchange.headers['content-type'] === 'application/json' ? await exchange.readObject() : null;
  const socket = exchange.hijack('application/vnd.docker.raw-stream');
  socket.write(`[${body?.text('say') ?? ''}]`);
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('end', () => socket.end(`<${received}>`));
};

const routes = (left: () => void): Route[] => [
  { method: 'GET', path: '/ok', handle: (exchange) => exchange.json(200, { ok: true }) },
  { method: 'HEAD', path: '/ok', handle: (exchange) => exchange.text(200, 'OK') },
  { method: 'POST', path: '/echo', hijacks: true, handle: echo },
  { method: 'POST', path: '/plain', handle: async (exchange) => exchange.json(200, { n: (await exchange.readObject()).integer('n') }) },
  {
    method: 'GET',
    path: '/refuse',
    handle: () => {
      throw new OrlopError('not-found', 'X_Y', 'no such thing', { hint: 'look elsewhere' });
    },
  },
  {
    method: 'POST',
    path: '/refuse-late',
    hijacks: true,
    handle: () => {
      throw new OrlopError('conflict', 'X_Z', 'not now');
    },
  },
  {
    method: 'GET',
    path: '/half',
    handle: async (exchange) => {
      await exchange.stream(200, 'text/plain').write('half');
      throw new OrlopError('internal', 'X_H', 'broken');
    },
  },
  {
    method: 'GET',
    path: '/hang',
    handle: async (exchange) => {
      await exchange.stream(200, 'text/plain').write('begun');
      await once(exchange.signal, 'abort');
      left();
    },
  },
];

const bare = {
  routes: [],
  logger: createLogger({ sink: () => {} }),
  headers: {},
  versions: { oldest: '1.24', newest: '1.51' },
  group: '0',
  tls: null,
};

describe('the HTTP server', () => {
  let directory = '';
  let server: HttpServer;
  let path = '';
  let clientLeft: Promise<void>;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'orlop-http-'));
    path = join(directory, 'deep', 'orlop.sock');
    const gone = Promise.withResolvers<void>();
    clientLeft = gone.promise;
    server = createHttpServer({
      routes: routes(gone.resolve),
      logger: createLogger({ sink: () => {} }),
      headers: { 'Api-Version': '1.51' },
      versions: { oldest: '1.24', newest: '1.51' },
      group: '0',
      tls: null,
    });
    await server.listen(`unix://${path}`);
  });
  after(async () => {
    await server.close(50);
    await rm(directory, { recursive: true, force: true });
  });

  /** Sends the first text, then the second once something came back, then ends our half; all that the server said. */
  const talk = async (first: string, second = ''): Promise<string> => {
    const socket = connect({ path, allowHalfOpen: true });
    let heard = '';
    socket.write(first);
    socket.once('data', () => socket.end(second));
    for await (const chunk of socket) heard += String(chunk);
    return heard;
  };

  test('its socket is for root and the group only', async () => {
    assert.equal((await stat(path)).mode & 0o777, 0o660);
  });

  test('answers with its headers, with or without a version and a Host', async () => {
    assert.match(await talk('GET /v1.30/ok HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\nApi-Version: 1\.51\r\n[^]*\r\n\r\n\{"ok":true\}\n$/);
    assert.match(await talk('HEAD /ok HTTP/1.1\r\n\r\n'), /Content-Length: 2\r\n[^]*\r\n\r\n$/);
  });

  test('says what is wrong in JSON', async () => {
    assert.match(await talk('GET /nope HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 404 [^]*\{"message":"page not found"/);
    assert.match(await talk('GET /v9.9/ok HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 [^]*too new/);
    assert.match(await talk('GET /refuse HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 404 [^]*"message":"no such thing","kind":"not-found"/);
    assert.match(await talk('POST /plain HTTP/1.1\r\nContent-Length: 5\r\n\r\n{"n":'), /^HTTP\/1\.1 400 [^]*invalid JSON/);
    assert.match(await talk('rubbish\r\n\r\n'), /^HTTP\/1\.1 400 /);
  });

  test('half an answer does not look whole', async () => {
    const heard = await talk('GET /half HTTP/1.1\r\n\r\n').catch((error: NodeJS.ErrnoException) => error.code ?? '');
    assert.doesNotMatch(heard, /0\r\n\r\n$/);
  });

  test('hands a connection over with Upgrade, with early input and with a body', async () => {
    const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
    const heard = await talk(`POST /echo HTTP/1.1\r\n${upgrade}\r\nearly `, 'late');
    assert.match(
      heard,
      /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\napi-version: 1\.51\r\n\r\n\[\]<early late>$/,
    );
    const body = `Content-Type: application/json\r\nContent-Length: 12\r\n${upgrade}\r\n{"say":"hi"}`;
    assert.match(await talk(`POST /echo HTTP/1.1\r\n${body}early `, 'late'), /\r\n\r\n\[hi\]<early late>$/);
  });

  test('hands over a connection whose chunked body had to be parsed first', async () => {
    const head =
      'POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
    assert.match(await talk(`${head}c\r\n{"say":"hi"}\r\n0\r\n\r\n`, 'late'), /^HTTP\/1\.1 101 UPGRADED\r\n[^]*\[hi\]<late>$/);
  });

  test('hands a connection over without Upgrade, even to what looks like HTTP', async () => {
    const heard = await talk('POST /echo HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n');
    assert.match(
      heard,
      /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\napi-version: 1\.51\r\n\r\n\[\]<GET \/ HTTP\/1\.1\r\n\r\n>$/,
    );
  });

  test('an upgrade that is refused, or asked of a route that has none, is answered as HTTP', async () => {
    const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
    assert.match(await talk(`POST /refuse-late HTTP/1.1\r\n${upgrade}`), /^HTTP\/1\.1 409 [^]*"message":"not now"/);
    assert.match(await talk(`GET /ok HTTP/1.1\r\n${upgrade}`), /^HTTP\/1\.1 200 OK/);
  });

  test('tells a handler that its client has left', async () => {
    const socket = connect({ path });
    socket.write('GET /hang HTTP/1.1\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    await clientLeft;
  });

  test('will not take a socket that someone answers, nor a file that is none', async () => {
    const other = createHttpServer(bare);
    await assert.rejects(other.listen(`unix://${path}`), {
      kind: 'failed-precondition',
      message: `another engine answers on unix://${path}`,
    });
    const file = join(directory, 'file');
    await writeFile(file, '');
    await assert.rejects(other.listen(`unix://${file}`), { code: 'HTTP_NOT_A_SOCKET' });
    await other.close();
  });

  test('replaces a socket that nobody answers', async () => {
    const stale = join(directory, 'stale.sock');
    // A listener whose file outlives it, as after a kill.
    const old = createServer().listen(join(directory, 'old.sock'));
    await once(old, 'listening');
    await rename(join(directory, 'old.sock'), stale);
    await new Promise((resolve) => old.close(resolve));
    await chmod(stale, 0o600);
    await server.listen(`unix://${stale}`);
    const socket = connect({ path: stale });
    socket.write('GET /ok HTTP/1.1\r\nConnection: close\r\n\r\n');
    let heard = '';
    for await (const chunk of socket) heard += String(chunk);
    assert.match(heard, /"ok":true/);
  });

  test('a port without certificates is refused, on loopback too', async () => {
    await assert.rejects(server.listen('tcp://127.0.0.1:0'), { kind: 'invalid-argument', code: 'HTTP_TCP_REFUSED' });
  });

  test('a socket whose group does not exist is for root alone', async () => {
    const lonely = createHttpServer({ ...bare, group: 'no-such-group-here' });
    const alone = join(directory, 'alone.sock');
    await lonely.listen(`unix://${alone}`);
    assert.equal((await stat(alone)).mode & 0o777, 0o600);
    await lonely.close();
  });

  test('headers are bounded, in length and in time, and so are connections', async () => {
    assert.match(await talk(`GET /ok HTTP/1.1\r\nX-Long: ${'x'.repeat(70_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    const strict = createHttpServer({ ...bare, limits: { headersTimeout: 50, connectionsCheckingInterval: 20, maxConnections: 2 } });
    const narrow = join(directory, 'narrow.sock');
    await strict.listen(`unix://${narrow}`);
    const slow = [connect({ path: narrow }), connect({ path: narrow })];
    for (const socket of slow) socket.write('GET /ok HTTP/1.1\r\nX-Slow');
    await Promise.all(slow.map((socket) => once(socket, 'connect')));
    const third = connect({ path: narrow }).resume();
    await once(third, 'close');
    for (const socket of slow) {
      let heard = '';
      for await (const chunk of socket) heard += String(chunk);
      assert.match(heard, /^HTTP\/1\.1 408 /);
    }
    await strict.close();
  });

  test('a connection whose upgrade was refused is closed when its client leaves', async () => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.write('POST /refuse-late HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    for await (const _chunk of socket);
    // Destroyed here, the other side has to see it: it closes at once what it would otherwise hold for ever.
    await server.close(60_000);
  });
});
