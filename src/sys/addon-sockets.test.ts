import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ErrnoError, isErrno } from '#errors';
import { loadAddon } from './load-addon.ts';
import { openNamespace } from './namespaces.ts';
import { namespaceId } from './procfs.ts';
import { signals } from './signals.ts';

const addon = loadAddon();
const NETLINK_ROUTE = 0;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

test('descriptors travel with the first byte, in order', () => {
  const [a, b] = addon.socketPair();
  const files = Array.from({ length: 253 }, (_, index) => addon.memfd('x', Buffer.from(String(index))));
  addon.sendDescriptors(a, Buffer.from('hello'), files);
  const first = addon.receiveDescriptors(b, 2, 253, 1000);
  assert.equal(first.data.toString(), 'he');
  assert.deepEqual(
    first.descriptors.map((fd) => readFileSync(fd, 'utf8')),
    files.map((_, index) => String(index)),
  );
  assert.deepEqual(addon.receiveDescriptors(b, 100, 1, 1000), { data: Buffer.from('llo'), descriptors: [] });
  for (const descriptor of [...first.descriptors, ...files, a]) addon.close(descriptor);
  assert.equal(addon.receiveDescriptors(b, 100, 1, 1000).data.length, 0, 'end of stream');
  addon.close(b);
});

test('too many descriptors are closed and refused; impossible sends too', () => {
  const [a, b] = addon.socketPair();
  const file = addon.memfd('x', Buffer.from('x'));
  const before = openDescriptors();
  addon.sendDescriptors(a, Buffer.from('x'), [file, file, file]);
  assert.throws(
    () => addon.receiveDescriptors(b, 10, 2, 1000),
    (error) => isErrno(error, 'EMSGSIZE'),
  );
  assert.equal(openDescriptors(), before);
  assert.throws(
    () => addon.sendDescriptors(a, Buffer.alloc(0), [file]),
    (error) => isErrno(error, 'EINVAL'),
  );
  assert.throws(
    () =>
      addon.sendDescriptors(
        a,
        Buffer.from('x'),
        Array.from({ length: 254 }, () => file),
      ),
    (error) => isErrno(error, 'EINVAL'),
  );
  assert.throws(
    () => addon.receiveDescriptors(b, 10, 0, 1),
    (error) => isErrno(error, 'ETIMEDOUT'),
  );
  addon.close(b);
  assert.throws(
    () => addon.sendDescriptors(a, Buffer.from('x'), []),
    (error) => isErrno(error, 'EPIPE'),
  );
  addon.close(a);
  addon.close(file);
});

test('a socket is reached however long its path is', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'orlop-sock-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const deep = join(directory, 'd'.repeat(100), 'e'.repeat(60));
  mkdirSync(deep, { recursive: true });
  const handle = addon.openat2(-100, deep, 0o10_200_000, 0, 0);
  const server = createServer().listen(`/proc/self/fd/${handle}/s.sock`);
  await once(server, 'listening');
  const connection = addon.connectUnix(join(deep, 's.sock'));
  const [accepted] = (await once(server, 'connection')) as [Socket];
  accepted.end('hi');
  assert.equal(addon.receiveDescriptors(connection, 10, 0, 1000).data.toString(), 'hi');
  addon.close(connection);
  await once(accepted, 'close');
  server.close();
  await once(server, 'close');
  addon.close(handle);
  assert.throws(
    () => addon.connectUnix(join(deep, 'none')),
    (error) => error instanceof ErrnoError && error.path === join(deep, 'none') && isErrno(error, 'ENOENT'),
  );
});

/** RTM_GETLINK for an interface index; sequence 7. */
function getLink(index: number): Buffer {
  const message = Buffer.alloc(32);
  message.writeUInt32LE(32, 0);
  message.writeUInt16LE(18, 4);
  message.writeUInt16LE(1, 6);
  message.writeUInt32LE(7, 8);
  message.writeInt32LE(index, 20);
  return message;
}

test('netlink answers whole datagrams, then null', () => {
  const socket = addon.netlinkOpen(NETLINK_ROUTE, -1);
  assert.equal(addon.netlinkReceive(socket), null);
  addon.netlinkSend(socket, getLink(1));
  const answer = addon.netlinkReceive(socket);
  assert.ok(answer !== null);
  assert.deepEqual([answer.readUInt32LE(0), answer.readUInt16LE(4), answer.readUInt32LE(8)], [answer.length, 16, 7]);
  assert.ok(answer.includes('lo\0'));
  assert.equal(addon.netlinkReceive(socket), null);
  addon.netlinkSend(socket, getLink(987_654));
  assert.equal(addon.netlinkReceive(socket)?.readInt32LE(16), -19, 'ENODEV');
  addon.close(socket);
});

test('sockets are made inside a network namespace and used from here', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root to make a namespace');
  const [up, upTheirs] = addon.socketPair();
  const script = 'ip link set lo up && echo up && read wait';
  const guest = addon.spawn(
    '/usr/bin/unshare',
    ['unshare', '-n', 'sh', '-c', script],
    [`PATH=${process.env['PATH'] ?? ''}`],
    [upTheirs, upTheirs, 2],
    true,
  );
  addon.close(upTheirs);
  t.after(() => {
    addon.pidfdSendSignal(guest.pidfd, signals.SIGKILL);
    addon.whenReadable(guest.pidfd, true, () => {
      addon.reap(guest.pidfd);
      addon.close(guest.pidfd);
    });
    addon.close(up);
  });
  assert.equal(addon.receiveDescriptors(up, 10, 0, 10_000).data.toString(), 'up\n');
  const before = openDescriptors();
  const netns = openNamespace(guest.pid, 'net');
  assert.notEqual(namespaceId(guest.pid, 'net'), namespaceId('self', 'net'));

  const netlink = addon.netlinkOpen(NETLINK_ROUTE, netns);
  addon.netlinkSend(netlink, getLink(1));
  assert.ok((addon.netlinkReceive(netlink)?.length ?? 0) > 100);
  addon.netlinkSend(netlink, getLink(2));
  assert.ok((addon.netlinkReceive(netlink)?.readInt32LE(16) ?? 0) < 0, 'only loopback lives there');
  addon.close(netlink);

  const setting = '/proc/sys/net/ipv4/ip_default_ttl';
  const ours = readFileSync(setting, 'utf8');
  addon.setInNamespace(netns, setting, Buffer.from('77'));
  assert.equal(execFileSync('nsenter', [`--net=/proc/${guest.pid}/ns/net`, 'cat', setting], { encoding: 'utf8' }), '77\n');
  assert.equal(readFileSync(setting, 'utf8'), ours);
  addon.close(addon.netlinkOpenSetting(NETLINK_ROUTE, netns, setting, Buffer.from('78')));
  assert.equal(execFileSync('nsenter', [`--net=/proc/${guest.pid}/ns/net`, 'cat', setting], { encoding: 'utf8' }), '78\n');
  for (const set of [addon.setInNamespace, addon.netlinkOpenSetting.bind(addon, NETLINK_ROUTE)]) {
    assert.throws(
      () => set(netns, setting, Buffer.from('none')),
      (error) => isErrno(error, 'EINVAL'),
    );
  }

  for (const [address, family] of [
    ['127.0.0.1', 'udp4'],
    ['::1', 'udp6'],
  ] as const) {
    const server = createSocket(family);
    const client = createSocket(family);
    server.bind({ fd: addon.bindInNamespace(netns, SOCK_DGRAM, address, 5353) });
    client.bind({ fd: addon.bindInNamespace(netns, SOCK_DGRAM, address, 0) });
    client.send('question', 5353, address);
    const [question] = (await once(server, 'message')) as [Buffer];
    assert.equal(question.toString(), 'question');
    client.close();
    server.close();
  }
  const listener = createServer((socket) => socket.end('x')).listen({ fd: addon.bindInNamespace(netns, SOCK_STREAM, '127.0.0.1', 53) });
  await once(listener, 'listening');
  assert.throws(
    () => addon.bindInNamespace(netns, SOCK_STREAM, '127.0.0.1', 53),
    (error) => error instanceof ErrnoError && isErrno(error, 'EADDRINUSE'),
  );
  const [outside] = (await once(connect(53, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
  assert.equal(outside.code, 'ECONNREFUSED', 'nothing appeared in our own namespace');
  listener.close();
  await once(listener, 'close');
  addon.close(netns);
  assert.equal(namespaceId('self', 'net'), Number(/[0-9]+/.exec(namespaceOfEveryThread())?.[0]));
  assert.equal(openDescriptors(), before);
});

/** All threads of this process are in one network namespace; its link text. */
function namespaceOfEveryThread(): string {
  const links = new Set(readdirSync('/proc/self/task').map((task) => String(namespaceId(Number(task), 'net'))));
  assert.equal(links.size, 1);
  return [...links].join();
}

test('nonsense addresses, ports and namespaces are refused', () => {
  for (const [address, port] of [
    ['localhost', 1],
    ['127.0.0.1', -1],
    ['127.0.0.1', 70_000],
    ['', 1],
  ] as const) {
    assert.throws(
      () => addon.bindInNamespace(-1, SOCK_DGRAM, address, port),
      (error) => isErrno(error, 'EINVAL'),
    );
  }
  assert.throws(
    () => addon.bindInNamespace(-1, 3, '127.0.0.1', 1),
    (error) => isErrno(error, 'EINVAL'),
  );
  const file = addon.memfd('x', Buffer.alloc(1));
  assert.throws(
    () => addon.netlinkOpen(NETLINK_ROUTE, file),
    (error) => error instanceof ErrnoError && error.syscall === 'setns',
  );
  assert.throws(
    () => addon.setInNamespace(file, '/proc/sys/net/ipv4/ip_forward', Buffer.from('1')),
    (error) => error instanceof ErrnoError && error.syscall === 'setns',
  );
  addon.close(file);
});

test('a held port is refused to clients and to everybody who would serve it, held or served', async () => {
  const before = openDescriptors();
  for (const [address, other] of [
    ['127.0.0.1', '0.0.0.0'],
    ['::1', '::'],
  ] as const) {
    const probe = createServer().listen(0, address);
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    assert.throws(
      () => addon.holdPort(IPPROTO_TCP, address, port),
      (error) => isErrno(error, 'EADDRINUSE'),
    );
    // A connection whose end lingers in TIME_WAIT does not keep the port.
    probe.on('connection', (socket) => socket.end().resume());
    await once(connect(port, address).resume(), 'close');
    probe.close();
    await once(probe, 'close');
    for (const protocol of [IPPROTO_TCP, IPPROTO_UDP]) {
      const held = addon.holdPort(protocol, address, port);
      for (const again of [address, other]) {
        assert.throws(
          () => addon.holdPort(protocol, again, port),
          (error) => isErrno(error, 'EADDRINUSE'),
        );
        assert.throws(
          () => addon.bindInNamespace(-1, protocol === IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM, again, port),
          (error) => isErrno(error, 'EADDRINUSE'),
        );
      }
      if (protocol === IPPROTO_TCP) {
        const [refused] = (await once(connect(port, address), 'error')) as [NodeJS.ErrnoException];
        assert.equal(refused.code, 'ECONNREFUSED');
      }
      addon.close(held);
      addon.close(addon.holdPort(protocol, other, port));
      if (protocol === IPPROTO_TCP) {
        const served = addon.holdPort(protocol, address, port);
        addon.serveHeldPort(served);
        const server = createServer((socket) => socket.end('here')).listen({ fd: served });
        await once(server, 'listening');
        assert.equal(await text(connect(port, address)), 'here');
        await new Promise((resolve) => server.close(resolve));
      }
    }
  }
  assert.throws(
    () => addon.holdPort(IPPROTO_TCP, '198.51.100.77', 1),
    (error) => isErrno(error, 'EADDRNOTAVAIL'),
  );
  // Sockets of earlier tests may have gone meanwhile.
  assert.ok(openDescriptors() <= before);
});
