import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { OrlopError } from '#errors';

export interface HijackOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Status line and headers of this answer; those of every answer are added. */
  readonly head: readonly string[];
  /** Node's parser has let go already. */
  readonly upgraded: boolean;
}

/**
 * True when the client asked to switch protocols, as Docker's does for attach and exec. A chunked body cannot be told from the stream that
 * follows it once Node has let go of the connection, so such a request is parsed as an ordinary one and taken over afterwards.
 */
export function wantsUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade !== undefined && request.headers['transfer-encoding'] === undefined;
}

/**
 * The body of an upgraded request: Node hands the connection over after the headers, so the declared bytes are read from it here and what
 * follows them stays in the socket. unavailable when the client leaves before.
 */
export async function* readUpgradedBody(socket: Socket, length: number): AsyncGenerator<Uint8Array> {
  let remaining = length;
  while (remaining > 0) {
    const chunk = (socket.read(Math.min(remaining, socket.readableLength || remaining)) ?? (await nextChunk(socket, remaining))) as Buffer;
    remaining -= chunk.length;
    yield chunk;
  }
}

function nextChunk(socket: Socket, wanted: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      const chunk = socket.read(Math.min(wanted, socket.readableLength)) as Buffer | null;
      if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
      for (const event of ['readable', 'end', 'close']) socket.off(event, settle);
      if (chunk === null) reject(new OrlopError('unavailable', 'HTTP_CLIENT_LEFT', 'the client left before its request was whole'));
      else resolve(chunk);
    };
    for (const event of ['readable', 'end', 'close']) socket.on(event, settle);
  });
}

/** The answer before Docker's streams: `101 UPGRADED` when the client asked to switch protocols, else a `200 OK` without end. */
export function streamHead(request: IncomingMessage, contentType: string): string[] {
  const { upgrade } = request.headers;
  if (upgrade === undefined) return ['HTTP/1.1 200 OK', `Content-Type: ${contentType}`];
  return ['HTTP/1.1 101 UPGRADED', `Content-Type: ${contentType}`, 'Connection: Upgrade', `Upgrade: ${upgrade}`];
}

/** Answers on the bare socket, with the headers of every answer, and hands it over: `101 UPGRADED` when the client asked to switch protocols, else a `200 OK` without end. */
export function hijackSocket({ request, response, head, upgraded }: HijackOptions): Socket {
  const socket = request.socket;
  if (!upgraded) releaseFromParser(socket);
  response.detachSocket(socket);
  socket.setTimeout(0);
  socket.on('error', () => socket.destroy());
  const usual = Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
  socket.write(`${[...head, ...usual].join('\r\n')}\r\n\r\n`);
  return socket;
}

/** Node's parser reads straight from the descriptor; it has to let go, and its listeners with it, before the bytes can be ours. */
function releaseFromParser(socket: Socket): void {
  const parser = (socket as Socket & { parser?: { unconsume(): void } | null }).parser;
  parser?.unconsume();
  for (const event of ['data', 'end', 'close', 'error', 'timeout', 'drain', 'resume', 'pause']) socket.removeAllListeners(event);
}
