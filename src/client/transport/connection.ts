import { connect, type Socket } from 'node:net';
import { createByteReader, type ByteReader } from './byte-reader.ts';
import { connectFailure } from './failures.ts';

/** A unix socket to the engine, with what reads it. */
export interface Connection {
  readonly socket: Socket;
  readonly reader: ByteReader;
}

/** unavailable or permission-denied when nobody listens or we may not connect. */
export function openConnection(host: string, path: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    const fail = (error: Error): void => reject(connectFailure(host, error));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      // Errors reach whoever reads; a socket that nobody reads must not end the program.
      socket.on('error', () => socket.destroy());
      resolve({ socket, reader: createByteReader(socket) });
    });
  });
}
