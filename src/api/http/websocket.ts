import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { OrlopError } from '#errors';
import { closeCodes, createFrameReader, encodeClose, encodeMessage, opcodes, type FrameEvent } from './websocket-frames.ts';

/** RFC 6455 section 1.3. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** How long a client has to answer our word that it is over. */
const partingMs = 2000;

/** The headers that accept a client's wish for a WebSocket. invalid-argument when it is none; permission-denied for a page of somebody else's. */
export function acceptWebSocket(headers: IncomingMessage['headers'], socket: Socket): Record<string, string> {
  const key = headers['sec-websocket-key'] ?? '';
  if (headers.upgrade?.toLowerCase() !== 'websocket' || Buffer.from(key, 'base64').length !== 16) {
    throw new OrlopError('invalid-argument', 'HTTP_NO_WEBSOCKET', 'this address is for WebSockets', {
      hint: 'ask for one: Upgrade: websocket, with a Sec-WebSocket-Key',
    });
  }
  if (headers['sec-websocket-version'] !== '13')
    throw new OrlopError('invalid-argument', 'HTTP_WEBSOCKET_VERSION', 'WebSockets of version 13 are served, and no others');
  checkOrigin(headers, socket);
  return {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': createHash('sha1').update(`${key}${acceptSuffix}`).digest('base64'),
  };
}

/** A browser lets any page open a WebSocket to anywhere, with the user's certificate, and says whose page it is. It reaches no unix socket. */
function checkOrigin({ origin, host }: IncomingMessage['headers'], socket: Socket): void {
  if (origin === undefined || socket.remoteAddress === undefined) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new OrlopError('permission-denied', 'HTTP_FOREIGN_ORIGIN', `pages of ${origin} may not open WebSockets here`);
}

/**
 * The payload of a WebSocket as a stream of bytes, whose messages' limits mean nothing: what comes is read as it comes, what is written goes out in messages of this kind.
 * The client's close is the end of what it says; after that writing fails. Takes the socket over.
 */
export function openWebSocketStream(socket: Socket, kind: 'binary' | 'text'): Duplex {
  const reader = createFrameReader();
  let over = false;
  const sayClose = (code: number): void => {
    if (over) return;
    over = true;
    socket.end(encodeClose(code));
    const timer = setTimeout(() => socket.destroy(), partingMs).unref();
    socket.once('close', () => clearTimeout(timer));
  };
  const stream = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (over) return done(new Error('the WebSocket is closed'));
      if (socket.write(encodeMessage(opcodes[kind], chunk))) return done();
      const settle = (): void => {
        socket.off('drain', settle).off('close', settle);
        done();
      };
      socket.on('drain', settle).on('close', settle);
    },
    final(done) {
      sayClose(closeCodes.normal);
      done();
    },
    destroy(error, done) {
      sayClose(closeCodes.goingAway);
      done(error);
    },
  });
  const act = (event: FrameEvent): void => {
    if (event.type === 'data' && !stream.push(event.data)) socket.pause();
    if (event.type === 'ping' && !over) socket.write(encodeMessage(opcodes.pong, event.data));
    if (event.type === 'close') {
      stream.push(null);
      sayClose(event.code);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    if (stream.readableEnded || over) return;
    for (const event of reader(chunk)) act(event);
  });
  // Without a word of parting: it has left.
  socket.on('close', () => stream.destroy());
  return stream;
}
