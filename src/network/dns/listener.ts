import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { frame } from './upstream.ts';

/** What is done with a client's message: `reply` is called once, now or later, with null when there is nothing to say to such a client. */
export type Handler = (message: Uint8Array, isStream: boolean, reply: (answer: Uint8Array | null) => void) => void;

/** A client of TCP may be silent for this long, and so may all of a container's have this many connections, each with this many unanswered questions. */
const limits = { idleMs: 15_000, connections: 64, unanswered: 32 } as const;

/** Answers datagrams on a bound socket; takes the descriptor. */
export function serveDatagrams(descriptor: number, handle: Handler): { readonly port: number } & Disposable {
  const socket: DatagramSocket = createSocket('udp4');
  // An adopted descriptor listens at once.
  socket.bind({ fd: descriptor, exclusive: true });
  let isOpen = true;
  socket.on('message', (message, { port, address }) => {
    handle(message, false, (answer) => {
      if (isOpen && answer !== null) socket.send(answer, port, address, ignore);
    });
  });
  socket.on('error', ignore);
  return {
    port: socket.address().port,
    [Symbol.dispose]() {
      isOpen = false;
      socket.close();
    },
  };
}

/** Answers questions on connections to a listening socket; takes the descriptor. */
export function serveStreams(descriptor: number, handle: Handler, idleMs: number = limits.idleMs): { readonly port: number } & Disposable {
  const connections = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (connection) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
    serveConnection(connection, handle);
    connection.setTimeout(idleMs, () => connection.destroy());
  });
  server.maxConnections = limits.connections;
  server.on('error', ignore);
  server.listen({ fd: descriptor, exclusive: true });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]() {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

/** Takes questions as long as the client takes answers (RFC 7766): several at once, answered in whatever order. */
function serveConnection(connection: Socket, handle: Handler): void {
  let received: Buffer = Buffer.alloc(0);
  let unanswered = 0;
  let hasEnded = false;
  let isTaking = false;
  const isBusy = (): boolean => unanswered >= limits.unanswered || connection.writableNeedDrain;
  const reply = (answer: Uint8Array | null): void => {
    unanswered -= 1;
    if (answer === null) connection.destroy();
    else if (connection.writable) connection.write(frame(answer));
    goOn();
  };
  const goOn = (): void => {
    if (isTaking || connection.destroyed) return;
    isTaking = true;
    while (!isBusy() && received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const message = received.subarray(2, 2 + received.readUInt16BE(0));
      received = received.subarray(2 + message.length);
      unanswered += 1;
      handle(message, true, reply);
    }
    isTaking = false;
    if (isBusy()) connection.pause();
    else if (hasEnded && unanswered === 0) connection.end();
    else connection.resume();
  };
  connection.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    goOn();
  });
  connection.on('drain', goOn);
  connection.on('end', () => {
    hasEnded = true;
    goOn();
  });
  // A client that goes away is no error.
  connection.on('error', ignore);
}

function ignore(): void {}
