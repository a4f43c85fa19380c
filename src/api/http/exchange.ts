import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { OrlopError } from '#errors';
import { readJson } from './body.ts';
import { hijackSocket, readUpgradedBody, streamHead } from './hijack.ts';
import { acceptWebSocket, openWebSocketStream } from './websocket.ts';
import { createJsonReader, type JsonReader } from './json-reader.ts';
import { createQuery, type Query } from './query.ts';

/** An answer that is sent piece by piece. */
export interface AnswerStream {
  /** Resolves when the client takes more. Does nothing once the client has left. */
  write(chunk: string | Uint8Array): Promise<void>;
}

/** One request and its answer. A handler answers with exactly one of the methods below the line. */
export interface Exchange {
  readonly method: string;
  /** The version in the path, or the newest. */
  readonly apiVersion: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly headers: IncomingMessage['headers'];
  /** Aborted when the client leaves before the answer is whole. */
  readonly signal: AbortSignal;
  readonly body: AsyncIterable<Uint8Array>;
  /** The body as an object; without one an empty object, or invalid-argument when it is `required`. invalid-argument for a body of another type. */
  readObject(options?: { readonly required?: boolean }): Promise<JsonReader>;

  json(status: number, value: unknown): void;
  text(status: number, value: string, headers?: Readonly<Record<string, string>>): void;
  empty(status: number, headers?: Readonly<Record<string, string>>): void;
  /** Sends the headers at once. The stream ends when the handler returns. */
  stream(status: number, contentType: string, headers?: Readonly<Record<string, string>>): AnswerStream;
  /** Takes the connection over; only on routes that say so. */
  hijack(contentType: string): Socket;
  /** The client's wish for a WebSocket, which can be refused until it is opened; only on such routes. Fails as acceptWebSocket does. */
  webSocket(): WebSocketWish;
}

export interface WebSocketWish {
  /** Takes the connection over. What comes and goes are the bytes of messages; `kind` is what goes out. */
  open(kind: 'binary' | 'text'): Duplex;
}

export interface ExchangeFacts {
  readonly apiVersion: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly search: URLSearchParams;
  readonly signal: AbortSignal;
  /** Node's parser has let go of the connection already: the client asked to switch protocols. */
  readonly upgraded: boolean;
  onHijack(socket: Socket): void;
}

export interface ServedExchange extends Exchange {
  readonly hijacked: boolean;
  readonly answered: boolean;
}

export function createExchange(request: IncomingMessage, response: ServerResponse, facts: ExchangeFacts): ServedExchange {
  let hijacked = false;
  const body = facts.upgraded ? readUpgradedBody(request.socket, Number(request.headers['content-length'] ?? 0)) : request;
  const send = (status: number, contentType: string, text: string, headers: Readonly<Record<string, string>> = {}): void => {
    const bytes = Buffer.from(text);
    response.writeHead(status, { 'Content-Type': contentType, ...headers, 'Content-Length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
  const takeOver = (head: readonly string[]): Socket => {
    if (response.headersSent || hijacked) throw new OrlopError('internal', 'HTTP_ANSWERED_TWICE', 'the request has been answered already');
    hijacked = true;
    const socket = hijackSocket({ request, response, head, upgraded: facts.upgraded });
    facts.onHijack(socket);
    return socket;
  };
  return {
    method: request.method ?? 'GET',
    apiVersion: facts.apiVersion,
    parameters: facts.parameters,
    query: createQuery(facts.search),
    headers: request.headers,
    signal: facts.signal,
    body,
    async readObject({ required = false } = {}) {
      checkJsonType(request.headers['content-type']);
      const value = await readJson(body);
      if (value === undefined && required) throw new OrlopError('invalid-argument', 'HTTP_NO_BODY', 'got EOF while reading request body');
      return createJsonReader(value, 'body');
    },
    json: (status, value) => send(status, 'application/json', `${JSON.stringify(value)}\n`),
    text: (status, value, headers) => send(status, 'text/plain; charset=utf-8', value, headers),
    empty: (status, headers = {}) => {
      response.writeHead(status, headers);
      response.end();
    },
    stream: (status, contentType, headers = {}) =>
      openAnswerStream(response, status, { ...headers, 'Content-Type': contentType }, facts.signal),
    hijack: (contentType) => takeOver(streamHead(request, contentType)),
    webSocket: () => {
      const headers = acceptWebSocket(request.headers, request.socket);
      const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      return { open: (kind) => openWebSocketStream(takeOver(['HTTP/1.1 101 Switching Protocols', ...head]), kind) };
    },
    get hijacked() {
      return hijacked;
    },
    get answered() {
      return hijacked || response.headersSent;
    },
  };
}

/** A body that says nothing of its type is taken for JSON. */
function checkJsonType(given: string | undefined): void {
  if (given === undefined || given.split(';')[0]?.trim().toLowerCase() === 'application/json') return;
  const words = `unsupported Content-Type header (${given}): must be 'application/json'`;
  throw new OrlopError('invalid-argument', 'HTTP_BAD_CONTENT_TYPE', words);
}

function openAnswerStream(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AnswerStream {
  response.writeHead(status, headers);
  response.flushHeaders();
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    if (signal.aborted || response.destroyed) return;
    if (!response.write(chunk)) await once(response, 'drain', { signal }).catch(() => undefined);
  };
  return { write };
}
