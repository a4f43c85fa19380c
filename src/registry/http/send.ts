import { once } from 'node:events';
import { type Agent as HttpAgent, type ClientRequest, request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';

/** A body: bytes, or a stream of known length that can be opened again. */
export type RequestBody = Uint8Array | { readonly size: number; readonly open: () => AsyncIterable<Uint8Array> };

export interface WireRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly agent: HttpAgent;
  readonly stallMs: number;
  /** Of a body, in each `stallMs` of waiting for it. */
  readonly leastBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface WireAnswer {
  readonly status: number;
  readonly url: URL;
  header(name: string): string | undefined;
  /** Throws `StallError` when nothing comes for too long, Node's own errors else. To be read to its end or left. */
  readonly body: AsyncGenerator<Buffer>;
  /** Lets the connection be used again when little is left, closes it else. */
  discard(): Promise<void>;
}

export class StallError extends Error {
  constructor(stallMs: number, bytes = 0) {
    super(`${bytes === 0 ? 'nothing' : `only ${bytes} bytes`} came for ${Math.round(stallMs / 1000)} seconds`);
    this.name = 'StallError';
  }
}

/** One request, one answer: no redirects, no second try. Rejects with Node's errors, `StallError` or the signal's reason. */
export async function send(request: WireRequest): Promise<WireAnswer> {
  const { method, url, agent, stallMs, leastBytes, signal } = request;
  signal?.throwIfAborted();
  const out = (url.protocol === 'https:' ? requestTls : requestPlain)(url, {
    method,
    agent,
    headers: { ...request.headers, ...lengthOf(request) },
    ...(signal === undefined ? {} : { signal }),
  });
  out.setTimeout(stallMs, () => out.destroy(new StallError(stallMs)));
  const answered = once(out, 'response') as Promise<[IncomingMessage]>;
  const feeding = feed(out, request.body).catch((error: unknown) => void out.destroy(error as Error));
  const [incoming] = await answered;
  // Who reads the body sees its errors; one that nobody reads must not end the process.
  out.on('error', () => undefined);
  incoming.on('error', () => undefined);
  out.setTimeout(0);
  // An early answer (401, 413) makes the rest of the body pointless.
  if (!out.writableFinished) void feeding.finally(() => undefined);
  const body = readBody(incoming, { stallMs, leastBytes });
  return {
    status: incoming.statusCode ?? 0,
    url,
    header: (name) => {
      const value = incoming.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body,
    discard: () => discard(incoming, out),
  };
}

function lengthOf({ method, body }: WireRequest): Record<string, string> {
  if (body !== undefined) return { 'content-length': String(body instanceof Uint8Array ? body.length : body.size) };
  return method === 'GET' || method === 'HEAD' || method === 'DELETE' ? {} : { 'content-length': '0' };
}

async function feed(out: ClientRequest, body: RequestBody | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return void out.end(body);
  for await (const chunk of body.open()) {
    if (out.destroyed) return;
    if (!out.write(chunk)) await roomOrEnd(out);
  }
  out.end();
}

function roomOrEnd(out: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      out.off('drain', done).off('close', done);
      resolve();
    };
    out.on('drain', done).on('close', done);
    if (out.destroyed) done();
  });
}

/**
 * The clock runs only while we wait for the other side, not while our reader is busy. Who sends a byte now and then is no better than who falls silent: in
 * each `stallMs` of waiting `leastBytes` have to come.
 */
async function* readBody(
  incoming: IncomingMessage,
  { stallMs, leastBytes }: Pick<WireRequest, 'stallMs' | 'leastBytes'>,
): AsyncGenerator<Buffer> {
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let [leftMs, bytes] = [stallMs, 0];
  try {
    for (;;) {
      const begunMs = performance.now();
      const timer = setTimeout(() => incoming.destroy(new StallError(stallMs, bytes)), leftMs);
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      leftMs -= performance.now() - begunMs;
      bytes += next.value.length;
      if (bytes >= leastBytes) [leftMs, bytes] = [stallMs, 0];
      yield next.value;
    }
  } finally {
    if (!incoming.complete) incoming.destroy();
  }
}

const worthReading = 64 * 1024;

async function discard(incoming: IncomingMessage, out: ClientRequest): Promise<void> {
  const length = Number(incoming.headers['content-length'] ?? Number.NaN);
  if (out.writableFinished && length <= worthReading) {
    incoming.resume();
    return;
  }
  incoming.destroy();
}

/** All of a small body. Throws RangeError when it is longer than `maxBytes`. */
export async function collect(answer: WireAnswer, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The beginning of a body, for an error's text. */
export async function collectSome(answer: WireAnswer): Promise<string> {
  return collect(answer, worthReading).then(
    (bytes) => bytes.toString('utf8'),
    () => '',
  );
}
