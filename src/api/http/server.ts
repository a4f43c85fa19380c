import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import type { Logger } from '#log';
import { parseEndpoint } from './endpoint.ts';
import { formatErrorAnswer } from './error-answer.ts';
import { createExchange, type ServedExchange } from './exchange.ts';
import { wantsUpgrade } from './hijack.ts';
import { listenUnix } from './listen.ts';
import { parseTarget, type VersionWindow } from './target.ts';
import { createRouter, type Route, type RouteMatch } from './router.ts';

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  readonly logger: Logger;
  /** Sent with every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Versions that may stand at the start of a path. */
  readonly versions: VersionWindow;
}

export interface HttpServer extends AsyncDisposable {
  /** `unix:///path`, one call an address. Fails as parseEndpoint and listenUnix do. */
  listen(endpoint: string): Promise<void>;
  /** Stops listening, tells running handlers that their clients are gone, and cuts what is still connected after the grace time. */
  close(graceMs?: number): Promise<void>;
}

/** A server without address yet. Handlers throw what they like; the client gets one JSON error. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const router = createRouter(options.routes);
  const servers: Server[] = [];
  const hijacked = new Set<Socket>();
  const running = new Map<Promise<void>, AbortController>();
  const find = (request: IncomingMessage): RouteMatch | null => {
    const target = parseTarget(request.url ?? '/', options.versions);
    return target.problem === undefined ? router.match(request.method ?? 'GET', target.path) : null;
  };
  const accept = (request: IncomingMessage, response: ServerResponse, upgraded: boolean): void => {
    const controller = new AbortController();
    const work = serve({ request, response, upgraded, controller, router, options, hijacked });
    running.set(work, controller);
    void work.finally(() => running.delete(work));
  };
  const make = (): Server => {
    const server = createServer(
      {
        // Builds and imports upload for longer than any limit; the hosts of unix sockets have no name.
        requestTimeout: 0,
        requireHostHeader: false,
        keepAliveTimeout: 0,
        shouldUpgradeCallback: (request) => wantsUpgrade(request) && find(request)?.route.hijacks === true,
      },
      (request, response) => accept(request, response, false),
    );
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      const response = new ServerResponse(request);
      response.assignSocket(socket);
      response.shouldKeepAlive = false;
      socket.on('error', () => socket.destroy());
      accept(request, response, true);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      options.logger.debug('a connection failed', { code: error.code });
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      else socket.destroy();
    });
    return server;
  };
  const listen = async (endpoint: string): Promise<void> => {
    const server = make();
    await listenUnix(server, parseEndpoint(endpoint));
    servers.push(server);
    options.logger.info('listening', { endpoint });
  };
  const close = async (graceMs = 1000): Promise<void> => {
    const closed = servers.splice(0).map((server) => closeServer(server, graceMs));
    for (const controller of running.values()) controller.abort();
    await Promise.race([Promise.allSettled(running.keys()), delay(graceMs)]);
    for (const socket of hijacked) socket.destroy();
    await Promise.all(closed);
  };
  return { listen, close, [Symbol.asyncDispose]: () => close() };
}

interface Service {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upgraded: boolean;
  readonly controller: AbortController;
  readonly router: ReturnType<typeof createRouter>;
  readonly options: HttpServerOptions;
  readonly hijacked: Set<Socket>;
}

async function serve(service: Service): Promise<void> {
  const { request, response, upgraded, controller, router, options } = service;
  for (const [name, value] of Object.entries(options.headers)) response.setHeader(name, value);
  response.on('close', () => {
    if (!response.writableFinished && exchange?.hijacked !== true) controller.abort();
  });
  response.on('error', () => controller.abort());
  let exchange: ServedExchange | undefined;
  try {
    const target = parseTarget(request.url ?? '/', options.versions);
    if (target.problem !== undefined) throw target.problem;
    const match = router.match(request.method ?? 'GET', target.path);
    if (match === null) throw new OrlopError('not-found', 'HTTP_NO_SUCH_PAGE', 'page not found');
    const onHijack = (socket: Socket): void => trackSocket(socket, service);
    exchange = createExchange(request, response, {
      ...target,
      parameters: match.parameters,
      signal: controller.signal,
      upgraded,
      onHijack,
    });
    await match.route.handle(exchange);
    if (!exchange.hijacked && !response.writableEnded) finish(response, controller);
  } catch (thrown) {
    fail(service, exchange, toOrlopError(thrown));
  }
  if (exchange?.hijacked === true) return;
  // A body that nobody read would hold up the next request on this connection; an upgraded connection has no next request.
  if (upgraded) request.socket.end();
  else drain(request);
}

/** How long a client may go on sending a body that nobody reads any more. */
const drainMs = 2_000;

/** Lets the client finish sending, since many read the answer only then, but not for ever. */
function drain(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  // Who stopped reading half-way may have left its listener behind, which would hold the stream back; the stream takes note in the next turn.
  request.removeAllListeners('readable');
  setImmediate(() => request.resume());
  const timer = setTimeout(() => request.destroy(), drainMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}

function trackSocket(socket: Socket, { hijacked, controller }: Service): void {
  hijacked.add(socket);
  socket.once('close', () => {
    hijacked.delete(socket);
    controller.abort();
  });
}

/** A stream that was cut short, by a client that left or by our own end, must not look whole. */
function finish(response: ServerResponse, controller: AbortController): void {
  if (controller.signal.aborted) response.destroy();
  else response.end();
}

function fail({ request, response, options, controller }: Service, exchange: ServedExchange | undefined, error: OrlopError): void {
  const where = { method: request.method, url: request.url };
  const expected = controller.signal.aborted || error.kind !== 'internal' || isOrlopError(error.cause);
  if (expected) options.logger.debug('a request was refused', { ...where, kind: error.kind, code: error.code, error });
  else options.logger.error('a request failed', { ...where, error: error.cause ?? error });
  if (exchange?.hijacked === true) {
    request.socket.destroy();
  } else if (response.headersSent || controller.signal.aborted) {
    // Without the last chunk the client knows that it has half an answer.
    if (!response.writableFinished) response.destroy();
  } else {
    const { status, body } = formatErrorAnswer(error);
    const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
