import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
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
  relays.set('web', [{ protocol: 'tcp', hostPort, target: '127.0.0.1', targetPort }]);
  assert.equal(await ask(hostPort, 'x'.repeat(100_000)), `heard ${'x'.repeat(100_000)}`);
  // The same again leaves it as it is; a port that is taken disturbs nobody.
  relays.set('web', [{ protocol: 'tcp', hostPort, target: '127.0.0.1', targetPort }]);
  relays.set('other', [{ protocol: 'tcp', hostPort, target: '127.0.0.1', targetPort: 1 }]);
  assert.equal(await ask(hostPort, 'again'), 'heard again');
  relays.set('web', []);
  await assert.rejects(once(connect({ host: '::1', port: hostPort }), 'connect'), { code: 'ECONNREFUSED' });
  relays[Symbol.dispose]();
  server.close();
});

test('datagrams to ::1 reach a server of 127.0.0.1, and each client gets its own answers, until the port is taken away', async (context) => {
  if (!(await hasIpv6())) return context.skip('this host has no IPv6');
  const server = createSocket('udp4', (data, { port }) => server.send(`${port} heard ${data.toString()}`, port, '127.0.0.1'));
  const clients = [createSocket('udp6'), createSocket('udp6')] as const;
  const free = createSocket('udp6');
  context.after(() => [server, ...clients].forEach((socket) => socket.close()));
  server.bind(0, '127.0.0.1');
  free.bind(0, '::1');
  await Promise.all([once(server, 'listening'), once(free, 'listening')]);
  const hostPort = free.address().port;
  await new Promise<void>((resolve) => free.close(resolve));

  const relays = openLoopbackRelays(quiet);
  const [one, other] = clients;
  const say = async (client: typeof one, words: string): Promise<string> => {
    const heard = once(client, 'message', { signal: AbortSignal.timeout(10_000) });
    const again = setInterval(() => client.send(words, hostPort, '::1'), 50);
    try {
      const [answer] = (await heard) as [Buffer];
      return answer.toString();
    } finally {
      clearInterval(again);
    }
  };
  relays.set('names', [{ protocol: 'udp', hostPort, target: '127.0.0.1', targetPort: server.address().port }]);
  const first = await say(one, 'a');
  const second = await say(other, 'b');
  assert.match(first, /^\d+ heard a$/);
  assert.match(second, /^\d+ heard b$/);
  // A conversation keeps its port, and two have two.
  assert.equal(await say(one, 'a'), first);
  assert.notEqual(first.split(' ')[0], second.split(' ')[0]);
  relays.set('names', []);
  const next = createSocket('udp6').bind(hostPort, '::1');
  await once(next, 'listening');
  next.close();
  relays[Symbol.dispose]();
});
