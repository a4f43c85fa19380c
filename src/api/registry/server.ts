import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Logger } from '#log';
import { noAuthentication, type Authenticator } from './auth/types.ts';
import { createExchange, type Exchange } from './exchange.ts';
import { createMetrics } from './metrics.ts';
import { createPolicy, type Policy } from './policy.ts';
import type { Mirror } from './proxy/mirror.ts';
import type { Call, Registry } from './registry.ts';
import { findRoute } from './routes.ts';
import { formatErrorAnswer, refuse } from './spec/errors.ts';
import { parseTarget } from './spec/target.ts';
import type { CollectOptions, CollectReport, Storage } from './storage/types.ts';

export interface RegistryServerOptions {
  readonly storage: Storage;
  readonly logger: Logger;
  /** Everybody may do everything when it is left out. */
  readonly authenticator?: Authenticator;
  readonly policy?: Policy;
  /** Refuses whatever would change anything. */
  readonly readOnly?: boolean;
  readonly mirror?: Mirror;
  /** Takes manifests without all that they refer to: an index with some of its platforms only, for one. */
  readonly sparse?: boolean;
  /** PEM. Plain HTTP without it. With `clientCa`, only clients with a certificate that one of these has signed are heard. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** A connection on which nothing, or as good as nothing, moves for this long is cut; 0 never. */
  readonly idleMs?: number;
}

export interface RegistryServer extends AsyncDisposable {
  /** Resolves with the port, which is another than asked for when that was 0. */
  listen(host: string, port: number): Promise<number>;
  collect(options: Omit<CollectOptions, 'expire'>): Promise<CollectReport>;
  /** Takes no more requests and ends when those under way are answered, or after this many ms without them. */
  close(patienceMs?: number): Promise<void>;
}

interface Service extends Registry {
  /** How many bytes of each connection have been counted. */
  readonly heard: WeakMap<Socket, number>;
  readonly idleMs: number;
  readonly authenticator: Authenticator;
  readonly readOnly: boolean;
}

const usualIdleMs = 120_000;
const usualPatienceMs = 30_000;

/** The OCI distribution specification 1.1 over HTTP or HTTPS. */
export function createRegistryServer(options: RegistryServerOptions): RegistryServer {
  const { storage, logger } = options;
  const policy = options.policy ?? createPolicy({});
  const metrics = createMetrics();
  const service: Service = {
    storage,
    logger,
    policy,
    mirror: options.mirror ?? null,
    authenticator: options.authenticator ?? noAuthentication,
    heard: new WeakMap(),
    idleMs: options.idleMs ?? usualIdleMs,
    readOnly: options.readOnly ?? false,
    sparse: options.sparse ?? false,
    metrics,
  };
  const server = openServer(options, (request, response) => void serve(service, request, response));
  const close = (patienceMs = usualPatienceMs): Promise<void> => closeServer(server, patienceMs);
  return {
    listen: (host, port) => listen(server, host, port),
    async collect(wanted) {
      const report = await storage.collect({ ...wanted, expire: policy.expire });
      if (!wanted.dryRun) metrics.collected(report);
      logger.info('garbage collection', { ...report, dryRun: wanted.dryRun });
      return report;
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function openServer(
  { tls, idleMs }: RegistryServerOptions,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  // Uploads take as long as they take; what must not happen is that nothing moves.
  const limits = { requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 75_000, highWaterMark: 1 << 18 };
  const server = tls === undefined ? createHttpServer(limits, listener) : createHttpsServer({ ...limits, ...secure(tls) }, listener);
  server.timeout = idleMs ?? usualIdleMs;
  server.on('request', (request, response) => {
    // A connection that would be kept for the next request is not, once there is to be none.
    response.once('close', () => {
      if (!server.listening) request.socket.destroySoon();
    });
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n', () => socket.destroy());
    else socket.destroy();
  });
  return server;
}

function secure({ cert, key, clientCa }: NonNullable<RegistryServerOptions['tls']>) {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return { cert, key, ...clients, minVersion: 'TLSv1.2' } as const;
}

async function serve(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const started = performance.now();
  const exchange = createExchange(request, response, service.idleMs);
  const facts = { route: 'none', user: null as string | null };
  const counted = countBytes(service.heard, request.socket);
  service.metrics.begin();
  response.once('close', () =>
    report(service, exchange, response, { ...facts, ...counted(), seconds: (performance.now() - started) / 1000 }),
  );
  response.setHeader('Docker-Distribution-API-Version', 'registry/2.0');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  try {
    await dispatch(service, exchange, facts);
  } catch (error) {
    answerError(service, exchange, response, error);
  }
  // What the client still says is listened to for a moment: it may not read its answer before it has said it.
  if (!request.complete) request.resume();
}

async function dispatch(service: Service, exchange: Exchange, facts: { route: string; user: string | null }): Promise<void> {
  const target = parseTarget(exchange.path);
  if (target === null) throw refuse('UNSUPPORTED', 'there is nothing at this path', { status: 404 });
  facts.route = target.kind;
  const route = findRoute(exchange.method, target);
  const caller = await service.authenticator.identify(exchange.header('authorization'), route.access);
  facts.user = caller.user;
  caller.require(route.access);
  if (route.writes && (service.readOnly || service.mirror !== null))
    throw refuse(
      'UNSUPPORTED',
      service.readOnly ? 'this registry is read-only' : 'this registry is a cache of another and takes no pushes',
    );
  const call: Call = {
    registry: service,
    exchange,
    mayPull: (name) =>
      Promise.resolve()
        .then(() => {
          caller.require({ kind: 'repository', name, action: 'pull' });
          return true;
        })
        .catch(() => false),
  };
  await route.handle(call);
}

function answerError({ logger }: Service, exchange: Exchange, response: ServerResponse, error: unknown): void {
  const { status, headers, body } = formatErrorAnswer(error);
  if (status >= 500 && !exchange.signal.aborted) logger.error('request failed', { method: exchange.method, path: exchange.path, error });
  // Half an answer cannot be taken back: the client sees that it is cut short.
  if (response.headersSent) return void response.destroy();
  if (!response.destroyed) exchange.answer(status, { 'Content-Type': 'application/json', ...headers }, body);
}

/** How much one request brings and takes. Of what has come before a request is noticed, all belongs to it that the one before did not count. */
function countBytes(heard: WeakMap<Socket, number>, socket: Socket): () => { readonly receivedBytes: number; readonly sentBytes: number } {
  const { bytesWritten } = socket;
  return () => {
    const before = heard.get(socket) ?? 0;
    heard.set(socket, socket.bytesRead);
    return { receivedBytes: socket.bytesRead - before, sentBytes: socket.bytesWritten - bytesWritten };
  };
}

const knownMethods: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

interface Answered {
  readonly route: string;
  readonly user: string | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly seconds: number;
}

function report({ metrics, logger }: Service, exchange: Exchange, response: ServerResponse, answered: Answered): void {
  const { route, user, seconds, receivedBytes, sentBytes } = answered;
  const method = knownMethods.includes(exchange.method) ? exchange.method : 'other';
  metrics.end({ method, route, status: response.statusCode, seconds, receivedBytes, sentBytes });
  logger.info('request', {
    method: exchange.method,
    path: exchange.path.slice(0, 500),
    status: response.statusCode,
    ms: Math.round(seconds * 1000),
    received: receivedBytes,
    sent: sentBytes,
    ...(response.writableFinished ? {} : { cut: true }),
    ...(user === null ? {} : { user }),
    client: response.req.socket.remoteAddress,
    agent: exchange.header('user-agent')?.slice(0, 200),
  });
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function closeServer(server: Server, patienceMs: number): Promise<void> {
  if (!server.listening) return;
  const cut = setTimeout(() => server.closeAllConnections(), patienceMs);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}
