import type { Duplex } from 'node:stream';
import { isErrno, isOrlopError } from '#errors';
import { parseErrorBody } from '#wire';
import { keepsAlive, readBody } from './body.ts';
import { openConnection, type Connection, type EngineAddress } from './connection.ts';
import { badAnswer, cancelled, engineGone, refusal, trustFailure, turnedAway } from './failures.ts';
import { readHead, type AnswerHead } from './head.ts';
import { formatRequest, sendUpload, type RequestOptions } from './request.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  /** By name in small letters. */
  readonly headers: ReadonlyMap<string, string>;
  /** To be read to its end, or left: then the connection is closed. */
  readonly body: AsyncGenerator<Buffer>;
}

export interface Hijacked {
  readonly stream: Duplex;
  readonly contentType: string;
}

/**
 * HTTP/1.1 over a unix socket or TLS, as little as an engine's client needs: it starts in no time, half-closes, hands connections over and works alike in
 * Node and Bun. Connections are used again one after the other.
 */
export interface Transport {
  /** Resolves with the head. An answer of 400 or more rejects with the error that its body stands for. */
  request(options: RequestOptions): Promise<Answer>;
  /** Asks to switch protocols; what follows is a byte stream both ways. */
  hijack(options: RequestOptions): Promise<Hijacked>;
  close(): void;
}

export function createTransport(address: EngineAddress): Transport {
  const { host } = address;
  const idle: Connection[] = [];
  const take = (asStream: boolean): Connection | undefined => {
    for (let at = idle.length - 1; at >= 0; at--) {
      if (asStream && idle[at]?.stream === null) continue;
      const [held] = idle.splice(at, 1);
      if (held === undefined) continue;
      held.socket.ref();
      if (!held.reader.ended && held.reader.empty && !held.socket.destroyed) return held;
      held.socket.destroy();
    }
    return undefined;
  };
  const keep = (connection: Connection): void => {
    connection.socket.unref();
    idle.push(connection);
  };
  const exchange = async (options: RequestOptions, upgrade: boolean): Promise<Exchanged> => {
    const asStream = upgrade || options.upload !== undefined;
    const used = take(asStream);
    const first = used ?? (await openConnection(address, asStream));
    const upload = options.upload === undefined ? null : trackUpload(options.upload);
    const head = await converse({ host, connection: first, options, upgrade, upload });
    if (head !== null) return { connection: first, head, upload };
    if (used === undefined && address.place.scheme === 'tcp') throw turnedAway(host);
    // A resting connection was closed just when it was needed. Whether the engine saw the request is unknown, so only what changes nothing is asked again.
    if (used === undefined || ['POST', 'PUT', 'DELETE'].includes(options.method)) throw engineGone(host);
    const second = await openConnection(address, asStream);
    const again = await converse({ host, connection: second, options, upgrade, upload: null });
    if (again === null) throw engineGone(host);
    return { connection: second, head: again, upload: null };
  };
  const request = async (options: RequestOptions): Promise<Answer> => {
    const exchanged = await exchange(options, false);
    const { head } = exchanged;
    const body = deliver({ ...exchanged, host, options, keep });
    if (head.status >= 400) throw refusal(host, options, parseErrorBody(head.status, await collect(body)));
    return { status: head.status, contentType: head.headers.get('content-type') ?? '', headers: head.headers, body };
  };
  const hijack = async (options: RequestOptions): Promise<Hijacked> => {
    const exchanged = await exchange(options, true);
    const { connection, head } = exchanged;
    if (head.status >= 400)
      throw refusal(host, options, parseErrorBody(head.status, await collect(deliver({ ...exchanged, host, options, keep }))));
    const { stream } = connection;
    if (head.status !== 101 || stream === null) {
      connection.socket.destroy();
      throw badAnswer(host, `status ${head.status} where the connection was to be handed over`);
    }
    const unread = connection.reader.release();
    if (unread.length > 0) stream.unshift(unread);
    return { stream, contentType: head.headers.get('content-type') ?? '' };
  };
  const close = (): void => {
    for (const connection of idle.splice(0)) connection.socket.destroy();
  };
  return { request, hijack, close };
}

/** All bytes of a body as text. */
export async function collect(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

interface Exchanged {
  readonly connection: Connection;
  readonly head: AnswerHead;
  readonly upload: TrackedUpload | null;
}

/** A body on its way: the engine may begin to answer before it is sent, and the source may fail at any time. */
interface TrackedUpload {
  readonly source: AsyncIterable<Uint8Array>;
  failure: Error | undefined;
}

function trackUpload(source: AsyncIterable<Uint8Array>): TrackedUpload {
  return { source, failure: undefined };
}

interface Conversation {
  readonly host: string;
  readonly connection: Connection;
  readonly options: RequestOptions;
  readonly upgrade: boolean;
  readonly upload: TrackedUpload | null;
}

/** Sends the request and reads the head; null when the connection was closed before a byte came. */
async function converse({ host, connection, options, upgrade, upload }: Conversation): Promise<AnswerHead | null> {
  const { socket, reader } = connection;
  const release = abortable(connection, options.signal);
  try {
    socket.write(formatRequest(options, upgrade));
    if (upload !== null) startUpload(connection, upload);
    const head = await readHead(reader);
    if (head !== null) return head;
    throwIfEnded(options, upload);
    return null;
  } catch (error) {
    socket.destroy();
    throwIfEnded(options, upload);
    if (isErrno(error, 'EPIPE', 'ECONNRESET')) return null;
    throw asFailure(host, error, true);
  } finally {
    release();
  }
}

/** A source that fails cuts the connection, so that the engine does not take half a body for a whole one. */
function startUpload({ socket, stream }: Connection, upload: TrackedUpload): void {
  if (stream === null) throw new TypeError('an upload needs a stream');
  sendUpload(stream, upload.source).catch((error: unknown) => {
    upload.failure = error instanceof Error ? error : new Error(String(error));
    socket.destroy();
  });
}

/** Our own reasons for an end come before what it looks like from the connection. */
function throwIfEnded(options: RequestOptions, upload: TrackedUpload | null): void {
  if (options.signal?.aborted === true) throw cancelled();
  if (upload?.failure !== undefined) throw upload.failure;
}

interface Delivery extends Exchanged {
  readonly host: string;
  readonly options: RequestOptions;
  readonly keep: (connection: Connection) => void;
}

async function* deliver({ host, connection, head, upload, options, keep }: Delivery): AsyncGenerator<Buffer> {
  const release = abortable(connection, options.signal);
  let whole = false;
  try {
    yield* readBody(connection.reader, head, options.method);
    whole = true;
  } catch (error) {
    throwIfEnded(options, upload);
    throw asFailure(host, error, false);
  } finally {
    release();
    if (whole && keepsAlive(head, options.method) && options.upload === undefined) keep(connection);
    else connection.socket.destroy();
  }
}

function abortable({ socket }: Connection, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {};
  const abort = (): void => {
    socket.destroy();
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return () => signal.removeEventListener('abort', abort);
}

function asFailure(host: string, error: unknown, beforeBody: boolean): unknown {
  if (isOrlopError(error)) return error;
  // With TLS 1.3 the engine looks at our certificate after we have begun to talk.
  const trust = error instanceof Error ? trustFailure(host, error) : null;
  if (trust !== null) return trust;
  if (error instanceof RangeError && beforeBody && error.message !== 'half an answer') return badAnswer(host, error.message);
  if (error instanceof RangeError || (error instanceof Error && 'code' in error)) return engineGone(host, error);
  return error;
}
