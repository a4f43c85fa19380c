import type { IncomingMessage, ServerResponse } from 'node:http';
import { isOrlopError } from '#errors';
import { refuse } from './spec/errors.ts';

/** One request and its answer. */
export interface Exchange {
  readonly method: string;
  /** Without the query, as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** The request's body, once. It fails when the client goes away before its end, or says next to nothing for the idle time. */
  readonly body: AsyncIterable<Uint8Array>;
  /** What Content-Length says; null without one. */
  readonly bodyBytes: number | null;
  /** The whole body. Fails with `tooLarge` when it is longer. */
  readBody(maxBytes: number, tooLarge: () => Error): Promise<Uint8Array>;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Sends the answer; to HEAD its headers only. */
  answer(status: number, headers?: AnswerHeaders, body?: string | Uint8Array): void;
  /** Sends a source, asking for a chunk when the last is on its way. A source that breaks breaks the connection, so that the client can tell. */
  answerStream(status: number, headers: AnswerHeaders, source: AsyncIterable<Uint8Array>): Promise<void>;
}

export type AnswerHeaders = Readonly<Record<string, string | number>>;

/** An answer up to this long is handed over whole; a longer one must not be taken for sent before it is (`closeIdleConnections` does). */
const shortBytes = 1 << 16;

/** `idleMs` as the server's: 0 for never. */
export function createExchange(request: IncomingMessage, response: ServerResponse, idleMs: number): Exchange {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const left = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) left.abort();
  });
  const length = request.headers['content-length'];
  const headOnly = request.method === 'HEAD';
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: readChunks(request, idleMs),
    bodyBytes: length === undefined ? null : Number(length),
    async readBody(maxBytes, tooLarge) {
      if (length !== undefined && Number(length) > maxBytes) throw tooLarge();
      const chunks: Uint8Array[] = [];
      let total = 0;
      for await (const chunk of readChunks(request, idleMs)) {
        total += chunk.length;
        if (total > maxBytes) throw tooLarge();
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
    signal: left.signal,
    answer(status, headers = {}, body = '') {
      // Whoever is answered before having said all will not be listened to further.
      if (!request.complete) response.setHeader('Connection', 'close');
      const bytes = status === 204 || status === 304 ? {} : { 'Content-Length': Buffer.byteLength(body) };
      response.writeHead(status, { ...bytes, ...headers });
      if (headOnly || Buffer.byteLength(body) <= shortBytes) response.end(headOnly ? undefined : body);
      else response.write(body, () => response.end());
    },
    async answerStream(status, headers, source) {
      response.writeHead(status, headers);
      for await (const chunk of source) await writeOut(response, chunk);
      response.end();
    },
  };
}

/** Resolves once the kernel has the chunk. */
function writeOut(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the client has gone'));
    if (response.destroyed) return gone();
    // What is queued behind another answer on the same connection is not called back when that breaks.
    response.once('close', gone);
    response.write(chunk, (error) => {
      response.off('close', gone);
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

/** Leaving the loop early must not destroy the request: its socket still has to carry the answer. */
async function* readChunks(request: IncomingMessage, idleMs: number): AsyncGenerator<Uint8Array> {
  const isTooSlow = watchPace(idleMs);
  try {
    let asked = performance.now();
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Uint8Array;
      if (isTooSlow(performance.now() - asked, bytes.length))
        throw refuse('BLOB_UPLOAD_INVALID', 'the request comes too slowly', { status: 408, hint: 'go on where it ended' });
      yield bytes;
      asked = performance.now();
    }
  } catch (cause) {
    if (isOrlopError(cause)) throw cause;
    throw refuse('BLOB_UPLOAD_INVALID', 'the client has gone before the end of its request', { cause });
  }
}

/** Slower than any line that somebody pushes images over. */
const slowestBytesPerSecond = 100;

/** The server cuts a connection on which nothing moves. A byte now and then moves, and would hold an upload for as long as somebody likes. */
function watchPace(idleMs: number): (waitedMs: number, bytes: number) => boolean {
  let window = { ms: 0, bytes: 0 };
  return (waitedMs, bytes) => {
    window = { ms: window.ms + waitedMs, bytes: window.bytes + bytes };
    if (idleMs === 0 || window.ms < idleMs) return false;
    const slow = window.bytes < (slowestBytesPerSecond * window.ms) / 1000;
    window = { ms: 0, bytes: 0 };
    return slow;
  };
}
