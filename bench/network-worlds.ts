// One world of the case `network`, in the network namespace that it is started in: node network-worlds.ts orlop|plain|docker SECONDS. Reads works, a line each, until its
// standard input ends, and prints the figure of each.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { createLogger } from '#log';
import { openNetworks, type Networks } from '#network';
import { loadAddon } from '#sys';
import { createMemoryState } from '../src/network/testing/memory-state.ts';
import { hostAddress, openOutside, openTestNamespace, type TestNamespace } from '../src/network/testing/own-network.ts';
import { quantile } from './samples.ts';

const mtu = 1500;
const port = 5201;
const hostPort = 15_201;

const addon = loadAddon();

/** Containers `0` and `1` of a world, wired, with their addresses; and what its host does to publish the port of the first. */
interface World {
  readonly addresses: readonly [string, string];
  readonly gateway: string;
  /** null: the world has no such thing, its containers are reached by their own addresses. */
  readonly publish: (() => Promise<void>) | null;
  readonly unpublish: () => Promise<void>;
}

/** Client and server on a processor each: where the scheduler puts them changes a figure more than what lies between them. */
const apart = availableParallelism() > 1 ? ['-A', '0,1'] : [];

const run = (command: string, ...words: string[]): string => execFileSync(command, words, { encoding: 'utf8' });
const within = (namespace: TestNamespace): string[] => [`--net=/proc/${namespace.pid}/ns/net`];

async function openOrlop(networks: Networks, namespaces: readonly TestNamespace[]): Promise<World> {
  const endpoints = [];
  for (const [index, namespace] of namespaces.entries()) {
    const endpoint = await networks.reserve(String(index), 'bridge');
    await networks.attach(endpoint, namespace.fd);
    endpoints.push(endpoint);
  }
  const [first, second] = endpoints;
  if (first?.address === undefined || second?.address === undefined || first.gateway === undefined)
    throw new Error('a container has no address');
  return {
    addresses: [first.address, second.address],
    gateway: first.gateway,
    async publish() {
      const wish = { containerPort: port, protocol: 'tcp', hostPort: { first: hostPort, last: hostPort } } as const;
      await networks.ports.open('0', first, await networks.ports.reserve('0', [wish]));
    },
    unpublish: () => networks.ports.close('0'),
  };
}

function openPlain(namespaces: readonly TestNamespace[]): World {
  run('ip', 'link', 'add', 'plain0', 'mtu', String(mtu), 'type', 'bridge');
  run('ip', 'address', 'add', '172.17.0.1/16', 'dev', 'plain0');
  run('ip', 'link', 'set', 'plain0', 'up');
  for (const [index, namespace] of namespaces.entries()) {
    run('ip', 'link', 'add', `p${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(namespace.pid));
    run('ip', 'link', 'set', `p${index}`, 'master', 'plain0', 'up');
    const inside = (...words: string[]): string => run('nsenter', ...within(namespace), 'ip', ...words);
    inside('address', 'add', `172.17.0.${index + 2}/16`, 'dev', 'eth0');
    inside('link', 'set', 'eth0', 'up');
    inside('route', 'add', 'default', 'via', '172.17.0.1');
  }
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  return { addresses: ['172.17.0.2', '172.17.0.3'], gateway: '172.17.0.1', publish: null, unpublish: async () => {} };
}

/** The rules that Docker writes for its default bridge and for a published port, and its proxy for what its rules leave out. */
function openDocker(namespaces: readonly TestNamespace[]): World {
  const world = openPlain(namespaces);
  const rules = (text: string): void => {
    for (const line of text.trim().split('\n')) run('iptables', ...line.trim().split(' '));
  };
  rules(`-t nat -N DOCKER
    -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
    -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
    -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o plain0 -j MASQUERADE
    -t nat -A DOCKER -i plain0 -j RETURN
    -P FORWARD DROP
    -N DOCKER
    -N DOCKER-USER
    -N DOCKER-ISOLATION-STAGE-1
    -N DOCKER-ISOLATION-STAGE-2
    -A FORWARD -j DOCKER-USER
    -A FORWARD -j DOCKER-ISOLATION-STAGE-1
    -A FORWARD -o plain0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A FORWARD -o plain0 -j DOCKER
    -A FORWARD -i plain0 ! -o plain0 -j ACCEPT
    -A FORWARD -i plain0 -o plain0 -j ACCEPT
    -A DOCKER-ISOLATION-STAGE-1 -i plain0 ! -o plain0 -j DOCKER-ISOLATION-STAGE-2
    -A DOCKER-ISOLATION-STAGE-1 -j RETURN
    -A DOCKER-ISOLATION-STAGE-2 -o plain0 -j DROP
    -A DOCKER-ISOLATION-STAGE-2 -j RETURN
    -A DOCKER-USER -j RETURN`);
  const forPort = (verb: string): void =>
    rules(`-t nat ${verb} DOCKER ! -i plain0 -p tcp --dport ${hostPort} -j DNAT --to-destination 172.17.0.2:${port}
      ${verb} DOCKER -d 172.17.0.2/32 ! -i plain0 -o plain0 -p tcp --dport ${port} -j ACCEPT
      -t nat ${verb} POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp --dport ${port} -j MASQUERADE`);
  const proxies: ReturnType<typeof spawn>[] = [];
  const proxyWords = `-proto tcp -host-ip 0.0.0.0 -host-port ${hostPort} -container-ip 172.17.0.2 -container-port ${port}`;
  return {
    ...world,
    async publish() {
      forPort('-A');
      // It says on descriptor 3 that it listens.
      const proxy = spawn('docker-proxy', proxyWords.split(' '), { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
      proxies.push(proxy);
      const ready = proxy.stdio[3];
      if (ready !== null && ready !== undefined) await once(ready, 'data');
    },
    async unpublish() {
      const proxy = proxies.pop();
      if (proxy !== undefined) {
        proxy.kill();
        await once(proxy, 'exit');
      }
      forPort('-D');
    },
  };
}

/** Gbit/s from a client to a server; null: the host's own namespace. `at` is where the client connects, else where the server listens. */
async function throughput(
  client: TestNamespace | null,
  server: TestNamespace | null,
  place: { bind: string; at?: [string, number] },
  seconds: string,
): Promise<number> {
  const enter = (namespace: TestNamespace | null, ...words: string[]): [string, string[]] =>
    namespace === null ? ['iperf3', words] : ['nsenter', [...within(namespace), 'iperf3', ...words]];
  const listener = spawn(...enter(server, '-s', '-1', '--forceflush', '-B', place.bind, '-p', String(port)), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(listener.stdout, 'data');
  listener.stdout.resume();
  const [address, at] = place.at ?? [place.bind, port];
  const [command, words] = enter(client, '-c', address, '-p', String(at), '-t', seconds, '-J', ...apart);
  const report = JSON.parse(run(command, ...words)) as { end: { sum_received: { bits_per_second: number } } };
  if (listener.exitCode === null) await once(listener, 'exit');
  return report.end.sum_received.bits_per_second / 1e9;
}

/** The middle of several: a processor that is given to others for a moment is not what is measured. */
async function timePublishing({ publish, unpublish }: World): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const start = performance.now();
    await publish?.();
    await unpublish();
    times.push(performance.now() - start);
  }
  return quantile(times, 0.5);
}

type Namespaces = readonly [first: TestNamespace, second: TestNamespace, outside: TestNamespace];
type Measure = (world: World, namespaces: Namespaces, seconds: string) => Promise<number | null>;

const works: Readonly<Record<string, Measure>> = {
  'container to container': ({ addresses: [bind] }, [first, second], seconds) => throughput(second, first, { bind }, seconds),
  'container to host': ({ gateway: bind }, [first], seconds) => throughput(first, null, { bind }, seconds),
  'outside to published port': (world, [first, , outside], seconds) =>
    published(world, (at) => throughput(outside, first, { bind: world.addresses[0], ...at }, seconds), hostAddress),
  async '127.0.0.1 to published port'(world, [first], seconds) {
    if (world.publish === null) return null;
    return published(world, (at) => throughput(null, first, { bind: world.addresses[0], ...at }, seconds), '127.0.0.1');
  },
  'publish a port and take it back': async (world) => (world.publish === null ? null : timePublishing(world)),
};

/** With the port published, if the world does such a thing; without, its container is reached by its own address. */
async function published(world: World, measure: (at: { at?: [string, number] }) => Promise<number>, host: string): Promise<number> {
  if (world.publish === null) return measure({});
  await world.publish();
  try {
    return await measure({ at: [host, hostPort] });
  } finally {
    await world.unpublish();
  }
}

const [which = 'orlop', seconds = '1'] = process.argv.slice(2);
await using outside = await openOutside(addon, mtu);
await using first = await openTestNamespace(addon);
await using second = await openTestNamespace(addon);
run('nsenter', ...within(outside), 'ip', 'route', 'add', '172.16.0.0/12', 'via', hostAddress);
await using networks = await openNetworks({ addon, prefix: 'bench', state: createMemoryState(), logger: createLogger({ sink: () => {} }) });
const containers = [first, second] as const;
const world =
  which === 'orlop' ? await openOrlop(networks, containers) : which === 'docker' ? openDocker(containers) : openPlain(containers);
for await (const work of createInterface({ input: process.stdin })) {
  const figure = await works[work]?.(world, [first, second, outside], seconds);
  process.stdout.write(`${JSON.stringify(figure ?? null)}\n`);
}
