import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuse } from './spec/errors.ts';

/** One request and its answer. */
export interface Exchange {
  readonly method: string;
  /** Without the query, as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  /** The request's body, once. It fails when the client goes away before its end. */
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

export function createExchange(request: IncomingMessage, response: ServerResponse): Exchange {
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
    body: readChunks(request),
    bodyBytes: length === undefined ? null : Number(length),
    async readBody(maxBytes, tooLarge) {
      if (length !== undefined && Number(length) > maxBytes) throw tooLarge();
      const chunks: Uint8Array[] = [];
      let total = 0;
      for await (const chunk of readChunks(request)) {
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
      response.end(headOnly ? undefined : body);
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
async function* readChunks(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch (cause) {
    throw refuse('BLOB_UPLOAD_INVALID', 'the client has gone before the end of its request', { cause });
  }
}
