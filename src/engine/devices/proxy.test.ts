import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { checkDevice, parseProxy } from '#wire';
import { portWishesOf } from '../network/ports.ts';
import { recordWith, requestWith } from '../fixtures/records.ts';
import { openTestEngine, whyNoEngine, type TestEngine } from '../fixtures/test-engine.ts';

const proxy = (listen: string, connectTo: string, more: Record<string, string> = {}) => ({
  type: 'proxy',
  listen,
  connect: connectTo,
  ...more,
});

test('both ends of a proxy are read, ranges and all', () => {
  const read = parseProxy('p', proxy('tcp:0.0.0.0:80-82,90', 'tcp:[::1]:180-182,190'));
  assert.deepEqual(read, {
    listen: { protocol: 'tcp', address: '0.0.0.0', ports: [80, 81, 82, 90] },
    connect: { protocol: 'tcp', address: '::1', ports: [180, 181, 182, 190] },
    bind: 'host',
    mode: 0o644,
    nat: false,
  });
  const unix = parseProxy(
    'p',
    proxy('unix:/run/a.sock', 'tcp:127.0.0.1:80', { uid: '5', gid: '6', mode: '0660', 'security.uid': '7', proxy_protocol: 'true' }),
  );
  assert.deepEqual([unix.uid, unix.gid, unix.mode, unix.connectUid, unix.header], [5, 6, 0o660, 7, 'v1']);
});

test('a proxy that cannot be is refused by its name', () => {
  const wrong = [
    proxy('tcp:0.0.0.0', 'tcp:127.0.0.1:80'),
    proxy('tcp:localhost:80', 'tcp:127.0.0.1:80'),
    proxy('tcp:0.0.0.0:0', 'tcp:127.0.0.1:80'),
    proxy('tcp:0.0.0.0:1-65535', 'tcp:127.0.0.1:80'),
    proxy('tcp:0.0.0.0:9-8', 'tcp:127.0.0.1:80'),
    proxy('tcp:0.0.0.0:80,81,82', 'tcp:127.0.0.1:80,81'),
    proxy('udp:0.0.0.0:80', 'tcp:127.0.0.1:80'),
    proxy('tcp:0.0.0.0:80', 'udp:127.0.0.1:80'),
    proxy('unix:relative', 'tcp:127.0.0.1:80'),
    proxy('unix:/a/', 'tcp:127.0.0.1:80'),
    proxy('unix:@name', 'tcp:127.0.0.1:80'),
    proxy(`unix:/${'x'.repeat(200)}`, 'tcp:127.0.0.1:80'),
    proxy('tcp:0.0.0.0:80', 'tcp:127.0.0.1:80', { mode: '0600' }),
    proxy('tcp:0.0.0.0:80', 'tcp:127.0.0.1:80', { bind: 'guest' }),
    proxy('tcp:0.0.0.0:80', 'tcp:127.0.0.1:80', { 'security.uid': 'root' }),
    proxy('tcp:0.0.0.0:80', 'tcp:127.0.0.1:80', { nat: 'true' }),
    proxy('tcp:0.0.0.0:80', 'tcp:0.0.0.0:80', { nat: 'true', proxy_protocol: 'v1' }),
    proxy('tcp:0.0.0.0:80', 'tcp:0.0.0.0:80', { nat: 'true', bind: 'container' }),
    proxy('udp:0.0.0.0:80', 'udp:127.0.0.1:80', { proxy_protocol: 'v2' }),
    proxy('tcp:0.0.0.0:80', 'tcp:127.0.0.1:80', { odd: '1' }),
    { type: 'proxy', listen: 'tcp:0.0.0.0:80' },
  ];
  for (const config of wrong) assert.throws(() => checkDevice('p', config), { code: 'DEVICE_INVALID' }, JSON.stringify(config));
});

test('a proxy with nat is published ports', () => {
  const namedDevices = {
    web: proxy('tcp:127.0.0.1:8080-8081', 'tcp:0.0.0.0:80-81', { nat: 'true' }),
    other: proxy('tcp:0.0.0.0:1', 'tcp:127.0.0.1:1'),
  };
  assert.deepEqual(portWishesOf(recordWith({ request: requestWith({ namedDevices }), network: 'bridge' })), [
    { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: { first: 8080, last: 8080 } },
    { containerPort: 81, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: { first: 8081, last: 8081 } },
  ]);
});

/** The process that has this socket. */
function holderOf(inode: string): number {
  const isHolder = (pid: string): boolean => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((one) => readlinkSync(`/proc/${pid}/fd/${one}`) === `socket:[${inode}]`);
    } catch {
      return false;
    }
  };
  return Number(readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && isHolder(pid)));
}

describe('proxies of running containers', { skip: whyNoEngine() }, () => {
  let bench: TestEngine;
  const directory = mkdtempSync(join(tmpdir(), 'orlop-proxy-'));
  before(async () => void (bench = await openTestEngine()));
  after(async () => {
    await bench[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });
  const port = (): number => 20_000 + Math.floor(Math.random() * 10_000);
  /** What a server of a line says to a line. */
  const ask = async (place: { readonly port: number } | { readonly path: string }, words = 'hello'): Promise<string> => {
    const socket: Socket = connect('port' in place ? { host: '127.0.0.1', ...place } : place);
    socket.on('error', () => undefined);
    socket.write(`${words}\n`);
    let said = '';
    for await (const chunk of socket) {
      said += String(chunk);
      if (said.endsWith('\n')) break;
    }
    socket.destroy();
    return said.trim();
  };
  const server = (at: number): string[] => ['nc', '-ll', '-p', String(at), '-e', 'sh', '-c', 'read line; echo pong'];
  const answered = async (place: { readonly port: number }): Promise<string> => {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await delay(50)) {
      const said = await ask(place).catch(() => '');
      if (said !== '') return said;
    }
    return '';
  };

  for (const request of [{}, { userNamespace: 'host' }] as const)
    test(`reach what listens on the container’s loopback alone, also over an engine’s restart and the container’s (${JSON.stringify(request)})`, async () => {
      const at = port();
      const id = await bench.run(server(80), { ...request, stopTimeoutS: 0 });
      await bench.engine.devices.add(id, 'web', proxy(`tcp:127.0.0.1:${at}`, 'tcp:127.0.0.1:80'));
      assert.equal(await answered({ port: at }), 'pong');
      await bench.reopen();
      assert.equal(await answered({ port: at }), 'pong');
      await bench.engine.containers.restart(id, {});
      assert.equal(await answered({ port: at }), 'pong');
      await bench.engine.containers.stop(id, {});
      await assert.rejects(once(connect({ host: '127.0.0.1', port: at }), 'connect'), { code: 'ECONNREFUSED' });
      await bench.engine.containers.start(id);
      assert.equal(await answered({ port: at }), 'pong');
      await bench.engine.devices.remove(id, 'web');
      await assert.rejects(once(connect({ host: '127.0.0.1', port: at }), 'connect'), { code: 'ECONNREFUSED' });
      await bench.engine.containers.remove(id, { force: true });
    });

  test('lead from a socket of the container to one of the host, with the owner that was asked for', async () => {
    const path = join(directory, 'host.sock');
    await using host = createServer((socket) => void socket.on('data', (data) => socket.end(`host heard ${String(data)}`)));
    host.listen(path);
    const id = await bench.run(['sleep', '1000'], { stopTimeoutS: 0 });
    await bench.engine.devices.add(id, 'up', proxy('unix:/run/up.sock', `unix:${path}`, { bind: 'container', uid: '5', mode: '0600' }));
    const { pid } = bench.engine.containers.inspect(id);
    const inside = `/proc/${pid}/root/run/up.sock`;
    const { uid, mode } = statSync(inside);
    const first = Number(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/)[1]);
    assert.deepEqual([uid - first, mode & 0o777], [5, 0o600]);
    assert.equal(await ask({ path: inside }), 'host heard hello');
    await bench.engine.devices.change(id, 'up', { mode: '0666' });
    assert.equal(statSync(inside).mode & 0o777, 0o666);
    await bench.engine.containers.restart(id, {});
    assert.equal(await ask({ path: `/proc/${bench.engine.containers.inspect(id).pid}/root/run/up.sock` }), 'host heard hello');
    await bench.engine.devices.remove(id, 'up');
    assert.ok(!existsSync(`/proc/${bench.engine.containers.inspect(id).pid}/root/run/up.sock`));
    await bench.engine.containers.remove(id, { force: true });
  });

  test('lead from a socket of the host to a port of the container, and leave no socket behind', async () => {
    const path = join(directory, 'down.sock');
    const id = await bench.run(server(81), { stopTimeoutS: 0 });
    await bench.engine.devices.add(id, 'down', proxy(`unix:${path}`, 'tcp:127.0.0.1:81', { mode: '0660', gid: '12' }));
    assert.deepEqual([statSync(path).mode & 0o777, statSync(path).gid], [0o660, 12]);
    for (const deadline = Date.now() + 20_000; (await ask({ path }).catch(() => '')) !== 'pong'; await delay(50))
      assert.ok(Date.now() < deadline);
    await bench.engine.containers.stop(id, {});
    assert.ok(!existsSync(path));
    await bench.engine.containers.remove(id, { force: true });
  });

  test('one that cannot listen is not there afterwards, and fails the start', async () => {
    const at = port();
    await using taken = createServer();
    taken.listen(at, '127.0.0.1');
    await once(taken, 'listening');
    const id = await bench.run(['sleep', '1000'], { stopTimeoutS: 0 });
    const config = proxy(`tcp:127.0.0.1:${at}`, 'tcp:127.0.0.1:80');
    await assert.rejects(bench.engine.devices.add(id, 'web', config), { code: 'DEVICE_TAKEN' });
    assert.deepEqual(bench.engine.devices.list(id).devices, {});
    await bench.engine.containers.stop(id, {});
    await bench.engine.devices.add(id, 'web', config);
    await assert.rejects(bench.engine.containers.start(id), { code: 'DEVICE_TAKEN' });
    assert.equal(bench.engine.containers.inspect(id).status, 'exited');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('what carries one and is killed comes back', async () => {
    const at = port();
    const id = await bench.run(server(82), { stopTimeoutS: 0 });
    await bench.engine.devices.add(id, 'web', proxy(`tcp:127.0.0.1:${at}`, 'tcp:127.0.0.1:82'));
    assert.equal(await answered({ port: at }), 'pong');
    const inode = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .find((line) => line.includes(`:${at.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`))
      ?.trim()
      .split(/\s+/)[9];
    const pid = holderOf(inode ?? '');
    process.kill(pid, 'SIGKILL');
    assert.equal(await answered({ port: at }), 'pong');
    await bench.engine.containers.remove(id, { force: true });
  });

  test('links in the container lead its socket nowhere on the host', async () => {
    const id = await bench.run(['sh', '-c', `ln -s ${directory} /trap; echo set; sleep 1000`]);
    await bench.firstOutput(id);
    await assert.rejects(bench.engine.devices.add(id, 'up', proxy('unix:/trap/x.sock', 'tcp:127.0.0.1:1', { bind: 'container' })));
    assert.ok(!existsSync(join(directory, 'x.sock')));
    await bench.engine.containers.remove(id, { force: true });
  });
});
