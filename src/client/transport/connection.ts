import { connect, type Socket } from 'node:net';
import type { EnginePlace } from '../host.ts';
import { createByteReader, type ByteReader } from './byte-reader.ts';
import { connectFailure, plainTcpRefused } from './failures.ts';
import { findBunConnect, openLightSocket, type BunConnect, type EngineSocket } from './light-socket.ts';

/** PEM texts: the authority that has signed the engine's certificate (absent: those of the system), and our own certificate with its key. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A socket to the engine, with what reads it. */
export interface Connection {
  readonly socket: EngineSocket;
  readonly reader: ByteReader;
  /** The same as a stream, which uploads and what is handed over need; null where it is lighter than that. */
  readonly stream: Socket | null;
}

/** How to reach an engine; `host` is its address as errors name it. */
export interface EngineAddress {
  readonly host: string;
  readonly place: EnginePlace;
  readonly tls: ClientTls | undefined;
}

/**
 * `asStream`: the connection's `stream` is needed. unavailable or permission-denied when nobody listens or we may not connect; invalid-argument for a port without
 * TLS.
 */
export async function openConnection({ host, place, tls }: EngineAddress, asStream: boolean): Promise<Connection> {
  if (place.scheme === 'tcp') return overStream(await openTls(host, place, tls));
  const light = asStream ? undefined : findBunConnect();
  if (light !== undefined) return openLight(light, host, place.path);
  return overStream(await opened(host, connect({ path: place.path, allowHalfOpen: true }), 'connect'));
}

async function openLight(light: BunConnect, host: string, path: string): Promise<Connection> {
  const socket = await openLightSocket(light, path).catch((error: unknown) => {
    throw connectFailure(host, error as NodeJS.ErrnoException);
  });
  // Errors reach whoever reads.
  socket.on('error', () => socket.destroy());
  return { socket, reader: createByteReader(socket), stream: null };
}

function overStream(socket: Socket): Connection {
  // Errors reach whoever reads; a socket that nobody reads must not end the program.
  socket.on('error', () => socket.destroy());
  return { socket, reader: createByteReader(socket), stream: socket };
}

async function openTls(host: string, place: Extract<EnginePlace, { scheme: 'tcp' }>, tls: ClientTls | undefined): Promise<Socket> {
  if (tls === undefined) throw plainTcpRefused(host);
  // Not loaded where it is not needed: it costs a command line its first milliseconds.
  const { connect: connectTls } = await import('node:tls');
  const fixed = { minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'], allowHalfOpen: true } as const;
  return opened(host, connectTls({ ...tls, ...fixed, host: place.host, port: place.port }), 'secureConnect');
}

function opened(host: string, socket: Socket, event: 'connect' | 'secureConnect'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(connectFailure(host, error));
    socket.once('error', fail);
    socket.once(event, () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
