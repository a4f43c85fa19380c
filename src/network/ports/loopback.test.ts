import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Logger } from '#log';
import { openLoopbackRelays } from './loopback.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Logger;

async function hasIpv6(): Promise<boolean> {
  const server = createServer().listen(0, '::1');
  const outcome = await Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)]);
  server.close();
  return outcome;
}

async function ask(port: number, question: string): Promise<string> {
  for (const deadline = Date.now() + 10_000; ; ) {
    try {
      const socket = connect({ host: '::1', port, allowHalfOpen: true });
      await once(socket, 'connect');
      socket.end(question);
      return await text(socket);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

test('what comes to ::1 reaches a server of 127.0.0.1 and back, ends included, until it is taken away', async (context) => {
  if (!(await hasIpv6())) return context.skip('this host has no IPv6');
  const server = createServer({ allowHalfOpen: true }, (socket) => void text(socket).then((said) => socket.end(`heard ${said}`)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const targetPort = (server.address() as AddressInfo).port;
  const free = createServer().listen(0, '::1');
  await once(free, 'listening');
  const hostPort = (free.address() as AddressInfo).port;
  await new Promise((resolve) => free.close(resolve));

  const relays = openLoopbackRelays(quiet);
  relays.set('web', [{ hostPort, target: '127.0.0.1', targetPort }]);
  assert.equal(await ask(hostPort, 'x'.repeat(100_000)), `heard ${'x'.repeat(100_000)}`);
  // The same again leaves it as it is; a port that is taken disturbs nobody.
  relays.set('web', [{ hostPort, target: '127.0.0.1', targetPort }]);
  relays.set('other', [{ hostPort, target: '127.0.0.1', targetPort: 1 }]);
  assert.equal(await ask(hostPort, 'again'), 'heard again');
  relays.set('web', []);
  await assert.rejects(once(connect({ host: '::1', port: hostPort }), 'connect'), { code: 'ECONNREFUSED' });
  relays[Symbol.dispose]();
  server.close();
});
