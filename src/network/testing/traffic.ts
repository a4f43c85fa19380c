import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Addon } from '#sys';
import type { TestNamespace } from './own-network.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

/** A UDP socket inside a namespace, handled by this process. */
export interface Speaker extends AsyncDisposable {
  send(message: string, address: string, port: number): void;
  /** To whoever the last message came from: address translation may have changed the port. */
  answer(message: string): void;
  /** The next message that has come or comes: its text and where from. */
  receive(): Promise<{ message: string; from: string }>;
}

/** Of our own network when the namespace is -1. */
export function openSpeaker(addon: Addon, namespace: Pick<TestNamespace, 'fd'>, address: string, port: number): Speaker {
  const socket: Socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  // An adopted descriptor listens at once, so there is no event to wait for.
  socket.bind({ fd: addon.bindInNamespace(namespace.fd, SOCK_DGRAM, address, port) });
  const arrived: { message: string; from: string }[] = [];
  let last = { address: '', port: 0 };
  const waiting: ((value: { message: string; from: string }) => void)[] = [];
  socket.on('message', (bytes, source) => {
    last = source;
    const value = { message: bytes.toString(), from: source.address };
    const first = waiting.shift();
    if (first === undefined) arrived.push(value);
    else first(value);
  });
  return {
    send: (message, to, at) => socket.send(message, at, to),
    answer: (message) => socket.send(message, last.port, last.address),
    receive: () => {
      const first = arrived.shift();
      return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first);
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Serves `size` bytes over TCP from one namespace to a client in another; returns what the client counted and whom the server saw. */
export async function download(addon: Addon, server: TestNamespace, client: TestNamespace, address: string, size: number) {
  const seen: (string | undefined)[] = [];
  const listener = createServer((connection) => {
    seen.push(connection.remoteAddress);
    connection.end(Buffer.alloc(size, 'x'));
  });
  listener.listen({ fd: addon.bindInNamespace(server.fd, SOCK_STREAM, address, 8080) });
  await once(listener, 'listening');
  const script = `let n = 0; require('net').connect(8080, '${address}').on('data', (d) => { n += d.length; }).on('end', () => console.log(n));`;
  const child = spawn('nsenter', [`--net=/proc/${client.pid}/ns/net`, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const count = Number(await text(child.stdout));
  listener.close();
  await once(listener, 'close');
  return { count, client: seen[0] };
}
