import type { Socket } from 'node:net';

export interface RequestOptions {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Left out where undefined. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it comes, chunked. */
  readonly upload?: AsyncIterable<Uint8Array>;
  /** Beside those that the request needs anyway; values hold no line breaks. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Head and, where it is known at once, body of a request, as one write. */
export function formatRequest(options: RequestOptions, upgrade: boolean): string {
  const body = options.json === undefined ? null : JSON.stringify(options.json);
  const lines = [`${options.method} ${options.path}${formatQuery(options.query)} HTTP/1.1`, 'Host: orlop'];
  for (const [name, value] of Object.entries(options.headers ?? {})) lines.push(`${name}: ${value.replaceAll(/[\r\n]/g, '')}`);
  if (upgrade) lines.push('Connection: Upgrade', 'Upgrade: tcp', 'Accept: application/json');
  if (options.upload !== undefined) lines.push('Content-Type: application/x-tar', 'Transfer-Encoding: chunked');
  else if (body !== null) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  else if (options.method === 'POST') lines.push('Content-Length: 0');
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

function formatQuery(query: RequestOptions['query']): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    const values = typeof value === 'object' ? value : [typeof value === 'boolean' ? (value ? '1' : '0') : String(value)];
    for (const item of values) pairs.push(`${name}=${encodeURIComponent(item)}`);
  }
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Sends a body in chunks, at the pace of the socket; stops quietly when the socket is gone, since the answer then says why. */
export async function sendUpload(socket: Socket, upload: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of upload) {
    if (socket.destroyed || socket.writableEnded) return;
    if (piece.length === 0) continue;
    socket.write(`${piece.length.toString(16)}\r\n`);
    socket.write(piece);
    if (!socket.write('\r\n')) await drained(socket);
  }
  if (!socket.destroyed) socket.write('0\r\n\r\n');
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
