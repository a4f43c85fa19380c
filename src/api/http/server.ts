import { createServer, ServerResponse, type IncomingMessage, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { isOrlopError, OrlopError, toOrlopError } from '#errors';
import type { Logger } from '#log';
import { parseEndpoint, type Endpoint } from './endpoint.ts';
import { endConnection } from './end-connection.ts';
import { formatErrorAnswer } from './error-answer.ts';
import { createExchange, type ServedExchange } from './exchange.ts';
import { wantsUpgrade } from './hijack.ts';
import { listenPassed, listenTcp, listenUnix } from './listen.ts';
import { connectionLimits, type ConnectionLimits } from './limits.ts';
import { parseTarget, type VersionWindow } from './target.ts';
import { createRouter, type Route, type RouteMatch } from './router.ts';
import { mutualTlsOptions, plainTcpRefused, type MutualTls } from './tls.ts';

export interface HttpServerOptions {
  readonly routes: readonly Route[];
  readonly logger: Logger;
  /** Sent with every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Versions that may stand at the start of a path. */
  readonly versions: VersionWindow;
  /** Members of this group, a name or a number, may use unix sockets without being root. */
  readonly group: string;
  /** What ports are served with; null: there is no listening on ports. */
  readonly tls: MutualTls | null;
  /** Other bounds than the usual ones. */
  readonly limits?: Partial<ConnectionLimits>;
}

export interface HttpServer extends AsyncDisposable {
  /**
   * `unix:///path`, `tcp://host:port`, or `fd://3` for a unix socket that somebody else has bound, one call an address; answers with it, a port 0 replaced by the
   * one that was found. Fails as parseEndpoint, listenUnix, listenTcp and listenPassed do; invalid-argument for a port without TLS.
   */
  listen(endpoint: string): Promise<string>;
  /** Stops listening, tells running handlers that their clients are gone, and cuts what is still connected after the grace time. */
  close(graceMs?: number): Promise<void>;
}

/** A server without address yet. Handlers throw what they like; the client gets one JSON error. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const router = createRouter(options.routes);
  const secure = options.tls === null ? null : mutualTlsOptions(options.tls);
  const servers: Server[] = [];
  const hijacked = new Set<Socket>();
  /** All of them, also those in the middle of their handshake and those that have left HTTP, which the servers themselves do not count. */
  const connections = new Set<Socket>();
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
  const bounds = { ...connectionLimits, ...options.limits };
  const make = ({ scheme }: Endpoint): Server => {
    const limits: ServerOptions = {
      ...bounds,
      // The hosts of unix sockets have no name.
      requireHostHeader: false,
      shouldUpgradeCallback: (request) => wantsUpgrade(request) && find(request)?.route.hijacks === true,
    };
    const handle = (request: IncomingMessage, response: ServerResponse): void => accept(request, response, false);
    const server = scheme === 'tcp' && secure !== null ? createTlsServer({ ...limits, ...secure }, handle) : createServer(limits, handle);
    server.maxConnections = bounds.maxConnections;
    server.on('connection', (socket: Socket) => {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    });
    server.on('drop', () => options.logger.warn('a connection was refused: there are too many', { most: server.maxConnections }));
    server.on('tlsClientError', (error: NodeJS.ErrnoException) => {
      options.logger.info('a client was turned away', { code: error.code, reason: error.message });
    });
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
      if (socket.writable) socket.end(`HTTP/1.1 ${statusOfBadRequest(error)}\r\nConnection: close\r\n\r\n`);
      else socket.destroy();
    });
    return server;
  };
  const listen = async (text: string): Promise<string> => {
    const endpoint = parseEndpoint(text);
    if (endpoint.scheme === 'tcp' && secure === null) throw plainTcpRefused(text);
    const server = make(endpoint);
    const address = await bind(server, endpoint, text);
    servers.push(server);
    options.logger.info('listening', { endpoint: address });
    return address;
  };
  const bind = async (server: Server, endpoint: Endpoint, text: string): Promise<string> => {
    if (endpoint.scheme === 'tcp') return text.replace(/:0$/, `:${await listenTcp(server, endpoint)}`);
    if (endpoint.scheme === 'fd') {
      await listenPassed(server, endpoint);
      return text;
    }
    const isShared = await listenUnix(server, endpoint, options.group);
    if (!isShared) options.logger.warn('only root can use the socket: there is no such group', { group: options.group, endpoint: text });
    return text;
  };
  const close = async (graceMs = 1000): Promise<void> => {
    const cut = (): void => {
      for (const socket of connections) socket.destroy();
    };
    const closed = servers.splice(0).map((server) => closeServer(server, graceMs, cut));
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
  if (upgraded) endConnection(request.socket);
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

/** Why a connection that spoke no HTTP is closed. */
function statusOfBadRequest({ code }: NodeJS.ErrnoException): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  return '400 Bad Request';
}

async function closeServer(server: Server, graceMs: number, cut: () => void): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(cut, graceMs);
  await closed;
  clearTimeout(timer);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
