import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { loadAddon } from '../load-addon.ts';
import { connectCarrier, spawnCarrier, type CarrierConnection, type CarrierOptions, type CarrierTarget } from './carrier.ts';

const addon = loadAddon();
const bosun = process.env['ORLOP_BOSUN'] ?? join(import.meta.dirname, '../../../build/bosun');
const directory = mkdtempSync(join(tmpdir(), 'orlop-carrier-'));
const carriers: CarrierConnection[] = [];
after(async () => {
  for (const carrier of carriers) await carrier.quit();
  rmSync(directory, { recursive: true });
});

const local = new Uint8Array([127, 0, 0, 1]);
async function carrierTo(target: CarrierTarget, kind: 'stream' | 'datagram' = 'stream', more: Partial<CarrierOptions> = {}) {
  const name = join(directory, randomBytes(4).toString('hex'));
  const listener =
    kind === 'datagram'
      ? addon.bindInNamespace(-1, 2, '127.0.0.1', 20_000 + Math.floor(Math.random() * 10_000))
      : addon.bindStream(`${name}.front`);
  const control = addon.bindStream(`${name}.sock`);
  await spawnCarrier(addon, bosun, { pairs: [{ listener, kind, target }], control, ...more });
  const port = kind === 'datagram' ? portOf(listener) : 0;
  for (const descriptor of [listener, control]) addon.close(descriptor);
  const carrier = connectCarrier(addon, `${name}.sock`);
  assert.ok(carrier);
  carriers.push(carrier);
  return { carrier, front: `${name}.front`, port };
}

/** Of a bound socket of ours, from procfs: nobody else knows. */
function portOf(descriptor: number): number {
  const inode = /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
  const line = readFileSync('/proc/self/net/udp', 'utf8')
    .split('\n')
    .find((one) => one.trim().split(/\s+/)[9] === inode);
  return Number.parseInt(line?.trim().split(/\s+/)[1]?.split(':')[1] ?? '0', 16);
}

async function serve(handle: (socket: Socket) => void, listen: { readonly port?: number; readonly path?: string } = {}): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    handle(socket);
  });
  server.listen(listen.path === undefined ? { host: '127.0.0.1', port: listen.port ?? 0 } : { path: listen.path });
  await once(server, 'listening');
  return server;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const portOfServer = (server: Server): number => (server.address() as AddressInfo).port;
const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

test('streams are carried whole in both directions, beside each other, and half-closed ones to their end', async () => {
  await using server = await serve(
    (socket) => void readAll(socket).then((data) => socket.end(Buffer.concat([data, Buffer.from(hash(data))]))),
  );
  const { carrier, front } = await carrierTo({ address: local, port: portOfServer(server) });
  const sizes = [0, 1, 65_536, 3_000_001, 8_000_000];
  await Promise.all(
    sizes.map(async (size) => {
      const data = randomBytes(size);
      const socket = connect({ path: front, allowHalfOpen: true });
      socket.end(data);
      const answer = await readAll(socket);
      assert.equal(answer.subarray(size).toString(), hash(data));
      assert.ok(answer.subarray(0, size).equals(data));
    }),
  );
  assert.deepEqual(await carrier.order('state'), { active: 0, total: sizes.length, isOpen: true });
});

test('a side that does not read holds nothing else up, and what cannot be brought on is cut off', async () => {
  const stuck: Socket[] = [];
  await using server = await serve((socket) => void stuck.push(socket.pause()));
  const { carrier, front } = await carrierTo({ address: local, port: portOfServer(server) });
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => void socket.on('error', () => undefined).on('close', () => resolve()));
  const slow = connect({ path: front });
  const ends = [closed(slow)];
  slow.write(Buffer.alloc(20_000_000));
  const quick = connect({ path: front });
  ends.push(closed(quick.resume()));
  while (stuck.length < 2) await delay(5);
  for (const socket of stuck) socket.resetAndDestroy();
  await Promise.all(ends);
  assert.equal((await carrier.order('state'))?.active, 0);
});

test('nobody there is a cut connection, unless the carrier is patient', async () => {
  const gone = await serve(() => undefined);
  const port = portOfServer(gone);
  gone.close();
  const hasty = await carrierTo({ address: local, port });
  const refused = connect({ path: hasty.front })
    .on('error', () => undefined)
    .resume();
  await once(refused, 'close');
  const path = join(directory, 'late');
  const patient = await carrierTo({ path }, 'stream', { patienceMs: 20_000 });
  const waiting = connect({ path: patient.front, allowHalfOpen: true });
  waiting.end('early');
  await delay(150);
  await using _server = await serve((socket) => void socket.pipe(socket), { path });
  assert.equal((await readAll(waiting)).toString(), 'early');
});

test('one that waits calls, and lets in, turns away or cuts off as it is told', async () => {
  await using server = await serve((socket) => void socket.pipe(socket));
  const { carrier, front } = await carrierTo({ address: local, port: portOfServer(server) }, 'stream', { waits: true });
  const called = (): Promise<void> => new Promise((resolve) => void (carrier.onCall = resolve));
  const first = connect({ path: front });
  first.write('hello');
  await called();
  assert.deepEqual(await carrier.order('open'), { active: 0, total: 0, isOpen: true });
  assert.equal(String((await once(first, 'data'))[0]), 'hello');
  first.on('error', () => undefined);
  const cut = once(first, 'close');
  assert.equal((await carrier.order('wait'))?.active, 0);
  await cut;
  const second = connect({ path: front })
    .on('error', () => undefined)
    .resume();
  await called();
  const refused = once(second, 'close');
  await carrier.order('refuse');
  await refused;
  const third = connect({ path: front, allowHalfOpen: true });
  third.end('again');
  await called();
  await carrier.order('open');
  assert.equal((await readAll(third)).toString(), 'again');
});

test('whoever connects later hears of who waits', async () => {
  const { front } = await carrierTo({ path: '/nowhere' }, 'stream', { waits: true });
  const client = connect({ path: front }).on('error', () => undefined);
  await once(client, 'connect');
  await delay(20);
  const later = connectCarrier(addon, front.replace('.front', '.sock'));
  assert.ok(later);
  await new Promise<void>((resolve) => void (later.onCall = resolve));
  later.close();
  client.destroy();
});

test('the first bytes say who came, in either version', async () => {
  await using server = await serve((socket) => void readAll(socket).then((data) => socket.end(data)));
  const target = { address: local, port: portOfServer(server) };
  const control = (name: string): number => addon.bindStream(join(directory, name));
  for (const header of ['v1', 'v2'] as const)
    for (const address of ['127.0.0.1', '::1']) {
      const port = 30_000 + Math.floor(Math.random() * 2_000);
      const listener = addon.bindInNamespace(-1, 1, address, port);
      const name = `${header}${address.length}.sock`;
      await spawnCarrier(addon, bosun, { pairs: [{ listener, kind: 'stream', target }], control: control(name), header });
      addon.close(listener);
      const carrier = connectCarrier(addon, join(directory, name));
      assert.ok(carrier);
      carriers.push(carrier);
      const socket = connect({ host: address, port, allowHalfOpen: true });
      await once(socket, 'connect');
      const from = socket.localPort ?? 0;
      socket.end('rest');
      const said = await readAll(socket);
      const is6 = address === '::1';
      if (header === 'v1') {
        const words = is6 ? 'TCP6 0:0:0:0:0:0:0:1 0:0:0:0:0:0:0:1' : 'TCP4 127.0.0.1 127.0.0.1';
        assert.equal(said.toString(), `PROXY ${words} ${from} ${port}\r\nrest`);
      } else {
        const ip = is6 ? [...Array<number>(15).fill(0), 1] : [127, 0, 0, 1];
        const ports = Buffer.alloc(4);
        ports.writeUInt16BE(from, 0);
        ports.writeUInt16BE(port, 2);
        const head = [...Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), 0x21, is6 ? 0x21 : 0x11, 0, is6 ? 36 : 12];
        assert.deepEqual([...said], [...head, ...ip, ...ip, ...ports, ...Buffer.from('rest')]);
      }
    }
});

test('datagrams find their way back to each client', async () => {
  const server = createSocket('udp4');
  server.on('message', (message, { port }) => server.send(Buffer.from(`${message.toString()} back`), port, '127.0.0.1'));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const { port, carrier } = await carrierTo({ address: local, port: server.address().port }, 'datagram');
  const clients = [createSocket('udp4'), createSocket('udp4')];
  for (const [at, client] of clients.entries()) {
    client.send(`hello ${at}`, port, '127.0.0.1');
    const [answer] = (await once(client, 'message')) as [Buffer];
    assert.equal(String(answer), `hello ${at} back`);
  }
  assert.deepEqual(await carrier.order('state'), { active: 2, total: 2, isOpen: true });
  for (const client of [...clients, server]) client.close();
});

test('it ends with the process that it serves, and takes little', async () => {
  const child = addon.spawn('/bin/sleep', ['sleep', '1000'], [], [-1, -1, -1], false);
  const { carrier } = await carrierTo({ path: '/nowhere' }, 'stream', { process: child.pidfd });
  const pid = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8')
    .trim()
    .split(' ')
    .map(Number)
    .findLast((one) => readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('carry'));
  const pss = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
  assert.ok(pss > 0 && pss < (process.env['ORLOP_BOSUN'] === undefined ? 400 : 40_000), `${pss} kB`);
  addon.pidfdSendSignal(child.pidfd, 9);
  await carrier.gone;
  addon.reap(child.pidfd);
  addon.close(child.pidfd);
});

test('orders that make no sense end it at once', async () => {
  for (const more of [{ process: addon.bindStream(join(directory, 'odd')) }, { network: addon.bindStream(join(directory, 'odder')) }])
    await assert.rejects(carrierTo({ path: '/x' }, 'stream', 'process' in more ? { uid: 5, users: more.process } : more), {
      code: 'SYS_CARRIER_FAILED',
    });
  await assert.rejects(carrierTo({ path: '/'.repeat(200) }), RangeError);
});
