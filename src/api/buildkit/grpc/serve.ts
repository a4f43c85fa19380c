import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { OrlopError } from '#errors';
import type { Logger } from '#log';
import type { MessageType } from '../protobuf/message.ts';
import { frameMessage, readMessages } from './framing.ts';
import { loadHttp2 } from './load-http2.ts';
import { type SourcePlace, trailersOf } from './status.ts';

/** One call of a client's. */
export interface GrpcCall {
  /** Of the request's metadata; empty when there is none. */
  readonly metadata: (name: string) => string;
  /** Aborted when the client gives the call up or leaves. */
  readonly signal: AbortSignal;
  readonly messages: AsyncIterable<Uint8Array>;
  /** Resolves when the client takes more. Does nothing once it has left. */
  send(message: Uint8Array): Promise<void>;
}

/** Fails with what the client is to hear; `place` in a `PlacedError` goes along. */
export type GrpcMethod = (call: GrpcCall) => Promise<void>;

/** An error with the place in a Dockerfile that it is about. */
export class PlacedError extends Error {
  readonly place: SourcePlace;
  constructor(cause: unknown, place: SourcePlace) {
    super('an error with a place', { cause });
    this.place = place;
  }
}

const mostStreams = 100;

/** Serves gRPC on a connection that a client has upgraded to HTTP/2, until it is closed. Methods by path: `/package.Service/Method`. */
export async function serveGrpc(socket: Duplex, methods: ReadonlyMap<string, GrpcMethod>, logger: Logger): Promise<void> {
  endWithOtherEnd(socket);
  const session = loadHttp2().performServerHandshake(socket, { settings: { maxConcurrentStreams: mostStreams } });
  session.on('error', (error) => logger.debug('a connection of BuildKit failed', { error }));
  session.on('stream', (stream, headers) => void answer(stream, headers, methods, logger));
  if (!session.destroyed) await new Promise<void>((resolve) => session.on('close', resolve));
}

/** Connections of HTTP stay open in one direction when the other end has gone: not these, where nobody would hear an answer. */
export function endWithOtherEnd(socket: Duplex): void {
  socket.once('end', () => socket.destroy());
}

async function answer(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  methods: ReadonlyMap<string, GrpcMethod>,
  logger: Logger,
): Promise<void> {
  const controller = new AbortController();
  stream.on('error', (error) => logger.debug('a call failed', { error }));
  stream.on('close', () => controller.abort());
  const path = headers[':path'];
  try {
    const method = methods.get(path ?? '');
    if (method === undefined)
      throw new OrlopError('unimplemented', 'BUILDKIT_NO_METHOD', `unknown method ${JSON.stringify(path)}: this engine does not have it`);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    await method({
      metadata: (name) => String(headers[name] ?? ''),
      signal: controller.signal,
      // A method that has read enough does not end the stream.
      messages: readMessages(stream.iterator({ destroyOnReturn: false })),
      async send(message) {
        if (stream.destroyed || stream.writableEnded) return;
        if (!stream.write(frameMessage(message))) await once(stream, 'drain', { signal: controller.signal }).catch(() => undefined);
      },
    });
    await end(stream, { 'grpc-status': '0' });
  } catch (thrown) {
    const [error, place] = thrown instanceof PlacedError ? [thrown.cause, thrown.place] : [thrown, undefined];
    logger.debug('a call was refused', { path, error });
    await end(stream, trailersOf(error, place));
  }
}

/** How long a client may go on sending what nobody reads any more. */
const drainMs = 1_000;

async function end(stream: ServerHttp2Stream, trailers: Record<string, string>): Promise<void> {
  // What comes for a stream that is closed would end the whole connection: first the client says all that it has to say.
  if (!stream.destroyed && !stream.readableEnded) {
    stream.resume();
    await Promise.race([once(stream, 'end'), once(stream, 'close'), delay(drainMs, undefined, { ref: false })]).catch(() => undefined);
  }
  if (stream.destroyed) return;
  if (!stream.headersSent) {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
    return;
  }
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end();
}

/** A method with one request and one answer. */
export function unary<In, Out>(
  request: MessageType<In>,
  response: MessageType<Out>,
  handle: (
    request: ReturnType<MessageType<In>['decode']>,
    call: GrpcCall,
  ) => Promise<Parameters<MessageType<Out>['encode']>[0]> | Parameters<MessageType<Out>['encode']>[0],
): GrpcMethod {
  return async (call) => {
    const answered = await handle(request.decode(await onlyMessage(call)), call);
    await call.send(response.encode(answered));
  };
}

/** A method with one request and an answer in pieces. */
export function streamed<In, Out>(
  request: MessageType<In>,
  response: MessageType<Out>,
  handle: (
    request: ReturnType<MessageType<In>['decode']>,
    call: GrpcCall,
  ) => AsyncIterable<Parameters<MessageType<Out>['encode']>[0]> | Iterable<Parameters<MessageType<Out>['encode']>[0]>,
): GrpcMethod {
  return async (call) => {
    for await (const piece of handle(request.decode(await onlyMessage(call)), call)) await call.send(response.encode(piece));
  };
}

async function onlyMessage({ messages }: GrpcCall): Promise<Uint8Array> {
  for await (const message of messages) return message;
  throw new OrlopError('invalid-argument', 'BUILDKIT_NO_REQUEST', 'the call has no request');
}
