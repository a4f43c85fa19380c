import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Addon } from '#sys';
import { subnetOf } from '../addresses.ts';
import type { FirewalledNetwork } from '../firewall/ruleset.ts';
import { routeLoopback6 } from '../forwarding.ts';
import { openRouteSocket } from '../netlink/socket.ts';
import type { Endpoint } from '../types.ts';
import { plainNetwork } from './firewalled.ts';
import { ip, openTestNamespace, testGroup, type TestNamespace } from './own-network.ts';

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;

/** A bridge that nobody but the test made, as the firewall sees it: `172.NUMBER.0.0/16`, `fd00:NUMBER::/64`. */
export interface TestBridge {
  readonly network: FirewalledNetwork;
  readonly link: string;
  readonly number: number;
}

export function makeBridge(addon: Addon, link: string, number: number, change: Partial<FirewalledNetwork> = {}): TestBridge {
  runIp('link', 'add', link, 'group', String(testGroup), 'type', 'bridge');
  runIp('address', 'add', `172.${number}.0.1/16`, 'dev', link);
  runIp('address', 'add', `fd00:${number}::1/64`, 'dev', link, 'nodad');
  runIp('link', 'set', link, 'up');
  writeFileSync(`/proc/sys/net/ipv4/conf/${link}/route_localnet`, '1');
  using socket = openRouteSocket(addon);
  routeLoopback6(socket, socket.link({ name: link })?.index ?? 0);
  const subnets = [subnetOf(ip(`172.${number}.0.0`), 16), subnetOf(ip(`fd00:${number}::`), 64)];
  return {
    link,
    number,
    network: plainNetwork({ links: [link], subnets, ...change }),
  };
}

/** A namespace that is wired to a bridge as containers are. */
export interface TestContainer extends TestNamespace {
  readonly name: string;
  readonly endpoint: Endpoint & { readonly address: string; readonly address6: string };
}

/** `172.NUMBER.0.HOST` and `fd00:NUMBER::HOST`. */
export async function openTestContainer(addon: Addon, name: string, { link, number }: TestBridge, host: number): Promise<TestContainer> {
  const namespace = await openTestNamespace(addon);
  const hostLink = `v-${name}`;
  runIp('link', 'add', hostLink, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(namespace.pid));
  runIp('link', 'set', hostLink, 'master', link, 'up');
  const [address, address6] = [`172.${number}.0.${host}`, `fd00:${number}::${host}`];
  runIpIn(namespace, 'link', 'set', 'eth0', 'up');
  runIpIn(namespace, 'address', 'add', `${address}/16`, 'dev', 'eth0');
  runIpIn(namespace, 'address', 'add', `${address6}/64`, 'dev', 'eth0', 'nodad');
  runIpIn(namespace, 'route', 'add', 'default', 'via', `172.${number}.0.1`);
  runIpIn(namespace, 'route', 'add', 'default', 'via', `fd00:${number}::1`);
  const identity = { id: name, containerId: name, network: link, networkId: link, driver: 'bridge', names: [name], wishes: {} } as const;
  return { ...namespace, name, endpoint: { ...identity, hostLink, address, address6 } };
}

/** Serves a port of a container over TCP and UDP: says the container's name and who asks. */
export function serve(addon: Addon, container: TestContainer, port: number): AsyncDisposable {
  const { address, address6 } = container.endpoint;
  const servers = [address, address6].flatMap((own) => {
    const tcp = createServer((connection) => connection.on('error', () => {}).end(`${container.name} ${connection.remoteAddress}`));
    tcp.listen({ fd: addon.bindInNamespace(container.fd, SOCK_STREAM, own, port) });
    const udp = createSocket(own === address6 ? 'udp6' : 'udp4');
    udp.bind({ fd: addon.bindInNamespace(container.fd, SOCK_DGRAM, own, port) });
    udp.on('message', (_, from) => udp.send(`${container.name} ${from.address}`, from.port, from.address));
    return [tcp, udp];
  });
  return {
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve()))));
    },
  };
}

/** Asks servers from a network namespace. */
export interface Client extends AsyncDisposable {
  /**
   * What a server says to somebody who connects; `ECONNREFUSED` and the like, or `silence` when its patience ends: an answer may take long on a busy
   * machine.
   */
  ask(address: string, port: number, patienceMs?: number): Promise<string>;
}

const patience = 20_000;

/** One process in the namespace for all questions; for our own (null), none. */
export function openClient(namespace: TestNamespace | null): Client {
  if (namespace === null) {
    return {
      ask: (address, port, patienceMs = patience) => conversation(connect(port, address), patienceMs),
      async [Symbol.asyncDispose]() {},
    };
  }
  const script = `const { connect } = require('node:net');
    const conversation = ${conversation.toString()};
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, address, port, patienceMs } = JSON.parse(line);
      conversation(connect(port, address), patienceMs).then((said) => console.log(JSON.stringify({ id, said })));
    });`;
  const child = spawn('nsenter', [netOf(namespace), process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = new Map<number, (said: string) => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, said } = JSON.parse(line) as { id: number; said: string };
    waiting.get(id)?.(said);
    waiting.delete(id);
  });
  let last = 0;
  return {
    ask(address, port, patienceMs = patience) {
      const id = (last += 1);
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        child.stdin.write(`${JSON.stringify({ id, address, port, patienceMs })}\n`);
      });
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

/** Also runs, as text, in another process. */
function conversation(socket: ReturnType<typeof connect>, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const timer = setTimeout(() => {
      resolve('silence');
      socket.destroy();
    }, timeoutMs);
    socket.on('connect', () => clearTimeout(timer));
    socket.on('data', (data) => {
      said += String(data);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      said = error.code ?? 'error';
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(said);
    });
  });
}

/** For nsenter. */
function netOf(namespace: TestNamespace): string {
  return `--net=/proc/${namespace.pid}/ns/net`;
}

export function runIp(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

export function runIpIn(namespace: TestNamespace, ...words: string[]): void {
  execFileSync('nsenter', [netOf(namespace), 'ip', ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
}
