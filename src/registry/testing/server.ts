import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a server was asked, in order. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export interface TestServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly asked: Asked[];
}

export type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

/** A server that does whatever its handler wants, on a port of its own. `/v2/` is answered with 200 unless the handler does. */
export async function openServer(handler: Handler): Promise<TestServer> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
      handler(request, response, Buffer.concat(chunks));
      if (request.url === '/v2/' && !response.headersSent) response.writeHead(200).end();
    });
  });
  // Asked to be a proxy's tunnel, which it refuses.
  server.on('connect', (request, socket) => {
    asked.push({ method: 'CONNECT', url: request.url ?? '', headers: request.headers });
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
