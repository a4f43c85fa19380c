import { connect, type Socket } from 'node:net';
import { createByteReader, type ByteReader } from './byte-reader.ts';
import { connectFailure } from './failures.ts';
import { findBunConnect, openLightSocket, type BunConnect, type EngineSocket } from './light-socket.ts';

/** A unix socket to the engine, with what reads it. */
export interface Connection {
  readonly socket: EngineSocket;
  readonly reader: ByteReader;
  /** The same as a stream, which uploads and what is handed over need; null where it is lighter than that. */
  readonly stream: Socket | null;
}

/** `asStream`: the connection's `stream` is needed. unavailable or permission-denied when nobody listens or we may not connect. */
export function openConnection(host: string, path: string, asStream: boolean): Promise<Connection> {
  const light = asStream ? undefined : findBunConnect();
  return light === undefined ? openStream(host, path) : openLight(light, host, path);
}

async function openLight(light: BunConnect, host: string, path: string): Promise<Connection> {
  const socket = await openLightSocket(light, path).catch((error: unknown) => {
    throw connectFailure(host, error as NodeJS.ErrnoException);
  });
  // Errors reach whoever reads.
  socket.on('error', () => socket.destroy());
  return { socket, reader: createByteReader(socket), stream: null };
}

function openStream(host: string, path: string): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    const fail = (error: Error): void => reject(connectFailure(host, error));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      // Errors reach whoever reads; a socket that nobody reads must not end the program.
      socket.on('error', () => socket.destroy());
      resolve({ socket, reader: createByteReader(socket), stream: socket });
    });
  });
}
