import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import { isOrlopError, OrlopError } from '#errors';
import type { Logger } from '#log';
import type { MessageType } from '../protobuf/message.ts';
import { frameMessage, readMessages } from './framing.ts';
import { loadHttp2 } from './load-http2.ts';
import { endWithOtherEnd } from './serve.ts';
import { errorOfStatus } from './status.ts';

export type Metadata = Readonly<Record<string, string | readonly string[]>>;

/** A call that both ends talk in. */
export interface OpenCall {
  /** What the other end says, until it has ended well; throws its error otherwise. */
  readonly messages: AsyncIterable<Uint8Array>;
  /** Resolves when the other end takes more. */
  send(message: Uint8Array): Promise<void>;
  /** Nothing more is said here. */
  end(): void;
  /** Gives the call up. */
  cancel(): void;
}

/** The services that the other end of a connection offers. */
export interface GrpcClient {
  /** One question, one answer. Fails with what the other end says; unavailable `BUILDKIT_CLIENT_LEFT` when it is gone; cancelled by the signal. */
  ask<In, Out>(
    path: string,
    types: { readonly request: MessageType<In>; readonly response: MessageType<Out> },
    request: Parameters<MessageType<In>['encode']>[0],
    signal: AbortSignal,
  ): Promise<ReturnType<MessageType<Out>['decode']>>;
  open(path: string, metadata: Metadata, signal: AbortSignal): OpenCall;
  /** Aborted when the connection is closed. */
  readonly closed: AbortSignal;
  close(): void;
}

/** So that files come quicker than one window of 64 KiB a turn. */
const windowBytes = 1024 * 1024;

/** Speaks gRPC as the client on a connection that the other end has opened: HTTP/2, the other way round. */
export function openGrpcClient(socket: Duplex, logger: Logger): GrpcClient {
  const gone = new AbortController();
  endWithOtherEnd(socket);
  const session = loadHttp2().connect('http://localhost', {
    createConnection: () => socket,
    settings: { initialWindowSize: windowBytes, enablePush: false },
  });
  session.on('error', (error) => logger.debug('a session failed', { error }));
  session.on('connect', () => session.setLocalWindowSize(4 * windowBytes));
  session.on('close', () => gone.abort());
  const open = (path: string, metadata: Metadata, signal: AbortSignal): OpenCall => openCall(session, { path, metadata, signal });
  return {
    open,
    closed: gone.signal,
    async ask(path, types, request, signal) {
      const call = open(path, {}, signal);
      await call.send(types.request.encode(request));
      call.end();
      let found: Uint8Array | null = null;
      for await (const message of call.messages) found ??= message;
      if (found === null) throw new OrlopError('unavailable', 'BUILDKIT_NO_ANSWER', `the client has not answered ${path}`);
      return types.response.decode(found);
    },
    close: () => session.destroy(),
  };
}

interface CallFacts {
  readonly path: string;
  readonly metadata: Metadata;
  readonly signal: AbortSignal;
}

function openCall(session: ClientHttp2Session, { path, metadata, signal }: CallFacts): OpenCall {
  signal.throwIfAborted();
  if (session.destroyed || session.closed) throw left();
  const many = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]));
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...many,
  });
  const cancel = (): void => stream.close(8 /* CANCEL */);
  signal.addEventListener('abort', cancel, { once: true });
  stream.on('close', () => signal.removeEventListener('abort', cancel));
  const outcome = outcomeOf(stream, signal);
  // Whoever reads the messages hears of it.
  outcome.catch(() => undefined);
  return {
    messages: messagesOf(stream, outcome),
    cancel,
    end: () => void stream.end(),
    async send(message) {
      if (stream.destroyed || stream.writableEnded) return;
      if (!stream.write(frameMessage(message))) await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => undefined);
    },
  };
}

async function* messagesOf(stream: ClientHttp2Stream, outcome: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* readMessages(stream.iterator({ destroyOnReturn: false }));
  } catch (error) {
    // How the call has ended says more than that it was cut.
    await outcome;
    throw isOrlopError(error) ? error : left();
  }
  await outcome;
}

/** Settles when the call is over. */
function outcomeOf(stream: ClientHttp2Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let last: IncomingHttpHeaders = {};
    stream.on('response', (headers) => (last = headers));
    stream.on('trailers', (headers) => (last = { ...last, ...headers }));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      const status = last['grpc-status'];
      if (status === '0') resolve();
      else if (signal.aborted) reject(new OrlopError('cancelled', 'BUILDKIT_CANCELLED', 'the call was given up'));
      else if (status === undefined) reject(left());
      else reject(errorOfStatus(Number(status), wordsOf(String(last['grpc-message'] ?? '')), detailsOf(last['grpc-status-details-bin'])));
    });
  });
}

function wordsOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

function detailsOf(header: string | string[] | undefined): Uint8Array | undefined {
  return typeof header === 'string' ? Buffer.from(header, 'base64') : undefined;
}

function left(): OrlopError {
  return new OrlopError('unavailable', 'BUILDKIT_CLIENT_LEFT', 'the client has left in the middle of the build');
}
