import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { openFirewall, type Firewall } from '../firewall/firewall.ts';
import type { FirewalledNetwork } from '../firewall/ruleset.ts';
import { openRouteSocket } from '../netlink/socket.ts';
import {
  hostAddress,
  isInOwnNetwork,
  openOutside,
  outsideAddress,
  rerunInOwnNetwork,
  testGroup,
  type TestNamespace,
  whyNoNetworks,
} from '../testing/own-network.ts';
import { makeBridge, openClient, openTestContainer, runIp, runIpIn, serve, type TestContainer } from '../testing/published.ts';
import { openSpeaker } from '../testing/traffic.ts';
import { openPorts } from './ports.ts';
import type { PortWish, PublishedPort } from './types.ts';

const outside6 = '2001:db8::1';
const host6 = '2001:db8::2';
/** For answers that must not come. */
const short = 500;

if (!isInOwnNetwork()) {
  test('published ports lead to containers', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const logger = createLogger({ sink: () => {} });
  const outside = await openOutside(addon, 1400);
  for (const path of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${path}`, '1');
  runIp('address', 'add', `${host6}/64`, 'dev', 'up0', 'nodad');
  runIpIn(outside, 'address', 'add', `${outside6}/64`, 'dev', 'eth0', 'nodad');
  runIpIn(outside, 'route', 'add', '172.16.0.0/12', 'via', hostAddress);
  runIpIn(outside, 'route', 'add', 'fd00::/16', 'via', host6);
  const front = makeBridge(addon, 'abr0', 17);
  const back = makeBridge(addon, 'abr1', 18);
  const web = await openTestContainer(addon, 'web', front, 2);
  const near = await openTestContainer(addon, 'near', front, 3);
  const far = await openTestContainer(addon, 'far', back, 2);
  const containers = [web, near, far];
  const servers = containers.map((container) => serve(addon, container, 80));
  const clients = new Map([outside, ...containers, null].map((place) => [place, openClient(place)]));
  const ask = (from: TestNamespace | null, address: string, port: number, patienceMs?: number): Promise<string> =>
    clients.get(from)?.ask(address, port, patienceMs) ?? assert.fail('nobody to ask');

  test.after(async () => {
    for (const each of [...clients.values(), ...servers, ...containers, outside]) await each[Symbol.asyncDispose]();
  });

  /** An engine's firewall and ports, with these networks; without br_netfilter. */
  async function openEngine(networks: readonly FirewalledNetwork[] = [front.network, back.network], table = 'orlop-t') {
    setBridgeFilter(false);
    const firewall: Firewall = openFirewall({ addon, logger, table, linkGroup: testGroup });
    await firewall.apply(networks);
    const socket = openRouteSocket(addon);
    const endpoints = (id: string) => containers.map(({ endpoint }) => endpoint).filter(({ containerId }) => containerId === id);
    const ports = openPorts({ addon, firewall, logger, endpoints, socket });
    return {
      ports,
      async publish(container: TestContainer, wish: Partial<PortWish> = {}): Promise<PublishedPort[]> {
        const published = await ports.reserve(container.name, [{ containerPort: 80, protocol: 'tcp', ...wish }]);
        await ports.open(container.name, container.endpoint, published);
        return published;
      },
      async [Symbol.asyncDispose]() {
        for (const { name } of containers) await ports.close(name);
        await firewall.remove();
        for (const each of [ports, socket, firewall]) each[Symbol.dispose]();
      },
    };
  }

  const bridgeFilter = '/proc/sys/net/bridge/bridge-nf-call-iptables';
  const whyNoBridgeFilter = existsSync(bridgeFilter) ? false : 'br_netfilter is not loaded';

  function setBridgeFilter(on: boolean): void {
    if (whyNoBridgeFilter !== false) return;
    for (const name of ['iptables', 'ip6tables']) writeFileSync(`/proc/sys/net/bridge/bridge-nf-call-${name}`, on ? '1' : '0');
  }

  for (const isFiltered of [false, true]) {
    const title = `a port on every address is reached from all sides, and the server sees who asks, ${isFiltered ? 'with' : 'without'} br_netfilter`;
    test(title, { skip: isFiltered && whyNoBridgeFilter }, async () => {
      await using engine = await openEngine();
      setBridgeFilter(isFiltered);
      const published = await engine.publish(web);
      const port = published[0]?.hostPort ?? 0;
      assert.deepEqual(
        published.map(({ hostAddress: address, hostPort }) => [address, hostPort]),
        [
          ['0.0.0.0', port],
          ['::', port],
        ],
      );
      const expected: [from: typeof outside | null, address: string, said: string][] = [
        [outside, hostAddress, `web ${outsideAddress}`],
        [outside, host6, `web ${outside6}`],
        [null, hostAddress, `web ${hostAddress}`],
        [null, host6, `web ${host6}`],
        [null, '127.0.0.1', 'web 172.17.0.1'],
        [null, '127.0.0.7', 'web 172.17.0.1'],
        [null, '172.17.0.1', 'web 172.17.0.1'],
        [near, hostAddress, 'web 172.17.0.1'],
        [near, host6, 'web fd00:17::1'],
        [web, hostAddress, 'web 172.17.0.1'],
        [web, host6, 'web fd00:17::1'],
        [web, '172.17.0.1', 'web 172.17.0.1'],
        [far, hostAddress, 'web 172.18.0.2'],
        [far, host6, 'web fd00:18::2'],
        // The kernel drops ::1 on the wire before it looks for a route, and br_netfilter shows it the translated packet: then the engine carries it.
        [null, '::1', 'web fd00:17::1'],
      ];
      const said = await Promise.all(expected.map(([from, address]) => ask(from, address, port)));
      assert.deepEqual(
        said,
        expected.map(([, , words]) => words),
      );
    });
  }

  test('nobody gets past the published ports', async () => {
    await using engine = await openEngine();
    const [published] = await engine.publish(web);
    const port = published?.hostPort ?? 0;
    const silent = await Promise.all([
      ask(outside, web.endpoint.address, 80, short),
      ask(outside, web.endpoint.address6, 80, short),
      ask(outside, web.endpoint.address, port, short),
      ask(far, web.endpoint.address, 80, short),
      ask(far, web.endpoint.address6, 80, short),
    ]);
    assert.deepEqual(silent, ['silence', 'silence', 'silence', 'silence', 'silence']);
    assert.equal(await ask(near, web.endpoint.address, 80), `web ${near.endpoint.address}`);
    assert.equal(await ask(outside, hostAddress, port + 1), 'ECONNREFUSED');
  });

  test('a port on a loopback address is for the host alone', async () => {
    await using engine = await openEngine();
    const [published] = await engine.publish(web, { hostAddress: '127.0.0.1' });
    const port = published?.hostPort ?? 0;
    assert.equal(await ask(null, '127.0.0.1', port), 'web 172.17.0.1');
    for (const [who, host] of [
      [outside, hostAddress],
      [near, '172.17.0.1'],
      [far, '172.18.0.1'],
    ] as const) {
      assert.equal(await ask(who, host, port), 'ECONNREFUSED');
    }
    const [v6] = await engine.publish(web, { hostAddress: '::1' });
    assert.equal(await ask(null, '::1', v6?.hostPort ?? 0), 'web fd00:17::1');
    assert.equal(await ask(outside, host6, v6?.hostPort ?? 0), 'ECONNREFUSED');
    assert.equal(await ask(null, '127.0.0.1', port), 'ECONNREFUSED');
  });

  test('what a neighbour or a container sends to 127.0.0.1 over the wire reaches neither a published port nor the host', async () => {
    await using engine = await openEngine();
    const [published] = await engine.publish(web, { hostAddress: '127.0.0.1', protocol: 'udp', containerPort: 82 });
    const port = published?.hostPort ?? 0;
    const own = createSocket('udp4').bind(0, '127.0.0.1');
    await once(own, 'listening');
    const heard: string[] = [];
    own.on('message', (bytes) => heard.push(bytes.toString()));
    await using server = openSpeaker(addon, web, web.endpoint.address, 82);
    for (const [who, gateway] of [
      [outside, hostAddress],
      [near, '172.17.0.1'],
      [far, '172.18.0.1'],
    ] as const) {
      runIpIn(who, 'route', 'del', 'local', '127.0.0.1', 'table', 'local');
      runIpIn(who, 'route', 'del', 'local', '127.0.0.0/8', 'table', 'local');
      runIpIn(who, 'route', 'add', '127.0.0.1', 'via', gateway);
      const forger = createSocket('udp4').bind({ fd: addon.bindInNamespace(who.fd, 2, '0.0.0.0', 4_000) });
      for (const to of [port, own.address().port]) await sent(forger, 'forged', to);
      forger.close();
      runIpIn(who, 'route', 'del', '127.0.0.1');
      runIpIn(who, 'route', 'add', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local');
    }
    for (const to of [port, own.address().port]) await sent(own, 'honest', to);
    assert.deepEqual(await server.receive(), { message: 'honest', from: '172.17.0.1' });
    if (heard.length === 0) await once(own, 'message');
    assert.deepEqual(heard, ['honest']);
    own.close();
  });

  /** Sends to 127.0.0.1; done when the kernel has it, which is when it has arrived or was dropped. */
  function sent(socket: ReturnType<typeof createSocket>, message: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      socket.send(message, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)));
    });
  }

  test('ports come and go while the container runs, and the same port on two addresses leads to two containers', async () => {
    await using engine = await openEngine();
    const { ports } = engine;
    const first = await engine.publish(web, { hostAddress: '127.0.0.1' });
    const wish: PortWish = { containerPort: 80, protocol: 'tcp', hostAddress, hostPort: { first: 9_000, last: 9_000 } };
    const second = await ports.reserve('web', [wish]);
    await ports.open('web', web.endpoint, [...first, ...second]);
    assert.equal(await ask(null, '127.0.0.1', first[0]?.hostPort ?? 0), 'web 172.17.0.1');
    assert.equal(await ask(outside, hostAddress, 9_000), `web ${outsideAddress}`);
    await engine.publish(far, { hostAddress: '127.0.0.1', hostPort: { first: 9_000, last: 9_000 } });
    assert.equal(await ask(null, '127.0.0.1', 9_000), 'far 172.18.0.1');
    assert.equal(await ask(null, hostAddress, 9_000), `web ${hostAddress}`);
    await ports.open('web', web.endpoint, second);
    assert.equal(await ask(null, '127.0.0.1', first[0]?.hostPort ?? 0), 'ECONNREFUSED');
    assert.equal(await ask(outside, hostAddress, 9_000), `web ${outsideAddress}`);
    await ports.close('web');
    assert.equal(await ask(outside, hostAddress, 9_000), 'ECONNREFUSED');
    await engine.publish(near, { hostAddress, hostPort: { first: 9_000, last: 9_000 } });
    assert.equal(await ask(outside, hostAddress, 9_000), `near ${outsideAddress}`);
  });

  test('a client of UDP that goes on sending reaches whichever container has the port now', async () => {
    await using engine = await openEngine();
    const hostPort = { first: 5_300, last: 5_300 };
    for (const [family, from, host] of [
      ['udp4', '127.0.0.1', '127.0.0.1'],
      ['udp6', '::1', host6],
    ] as const) {
      await using client = createSocket(family).bind(0, family === 'udp4' ? from : '::');
      await once(client, 'listening');
      // Nobody answers yet, and the kernel remembers that.
      client.send('early', 5_300, host);
      for (const [container, seen] of [
        [web, family === 'udp4' ? '172.17.0.1' : host6],
        [far, family === 'udp4' ? '172.18.0.1' : host6],
        [web, family === 'udp4' ? '172.17.0.1' : host6],
      ] as const) {
        await engine.publish(container, { protocol: 'udp', hostPort });
        await hears(client, host, `${container.name} ${seen}`);
        await engine.ports.close(container.name);
      }
    }
  });

  /** Sends until this answer comes: what was sent in the moment of a change may be lost, and answers to earlier questions may still be on their way. */
  async function hears(client: ReturnType<typeof createSocket>, host: string, expected: string): Promise<void> {
    const send = setInterval(() => client.send('again', 5_300, host), 20);
    const signal = AbortSignal.timeout(20_000);
    try {
      for (let said = ''; said !== expected; ) {
        const [answer] = (await once(client, 'message', { signal })) as [Buffer];
        said = answer.toString();
      }
    } finally {
      clearInterval(send);
    }
  }

  test("two engines' ports lead each to their own, through each other's tables", async () => {
    await using left = await openEngine([front.network], 'orlop-left');
    await using right = await openEngine([back.network], 'orlop-right');
    const [a] = await left.publish(web);
    const [b] = await right.publish(far);
    assert.equal(await ask(outside, hostAddress, a?.hostPort ?? 0), `web ${outsideAddress}`);
    assert.equal(await ask(outside, hostAddress, b?.hostPort ?? 0), `far ${outsideAddress}`);
    assert.equal(await ask(far, hostAddress, a?.hostPort ?? 0), 'web 172.17.0.1');
    await assert.rejects(right.publish(far, { hostPort: { first: a?.hostPort ?? 0, last: a?.hostPort ?? 0 } }), /address already in use/);
  });

  test("the host's firewall keeps the last word", async () => {
    await using engine = await openEngine();
    const [published] = await engine.publish(web);
    const port = published?.hostPort ?? 0;
    const nft = (...words: string[]) => execFileSync('nft', words);
    nft('add table inet host; add chain inet host forward { type filter hook forward priority 10; policy drop; }');
    assert.equal(await ask(outside, hostAddress, port, short), 'silence');
    nft('add rule inet host forward ct status dnat accept; add rule inet host forward ct state established accept');
    assert.equal(await ask(outside, hostAddress, port), `web ${outsideAddress}`);
    nft('delete', 'table', 'inet', 'host');
  });

  test('containers that must not reach each other do by published ports; those of internal networks reach nobody', async () => {
    await using engine = await openEngine([
      { ...front.network, interContainer: false },
      { ...back.network, internal: true },
    ]);
    const [published] = await engine.publish(web);
    const port = published?.hostPort ?? 0;
    assert.equal(await ask(near, hostAddress, port), 'web 172.17.0.1');
    assert.equal(await ask(far, '172.18.0.1', port, short), 'silence');
    const [shut] = await engine.publish(far);
    assert.equal(await ask(outside, hostAddress, shut?.hostPort ?? 0, short), 'silence');
    // The kernel shows the firewall what stays within a bridge only with br_netfilter.
    if (whyNoBridgeFilter !== false) return;
    setBridgeFilter(true);
    assert.equal(await ask(near, web.endpoint.address, 80, short), 'silence');
  });

  const whyNoPython = spawnSync('python3', ['--version']).error === undefined ? false : 'needs python3';

  test('a port of SCTP is reached from outside', { skip: whyNoPython === false ? whyNoSctp() : whyNoPython }, async () => {
    await using engine = await openEngine();
    const [published] = await engine.publish(web, { protocol: 'sctp', containerPort: 81 });
    assert.equal(talk(132, web, 81, outside, published?.hostPort ?? 0), `web ${outsideAddress}`);
  });

  test('the programs that talk SCTP in the test above talk', { skip: whyNoPython }, async () => {
    await using engine = await openEngine();
    const [published] = await engine.publish(web, { containerPort: 81 });
    assert.equal(talk(6, web, 81, outside, published?.hostPort ?? 0), `web ${outsideAddress}`);
  });

  function talk(protocol: number, server: TestContainer, port: number, client: { readonly pid: number }, hostPort: number): string {
    const python = `import ctypes, os, socket
def enter(pid): assert ctypes.CDLL(None).setns(os.open('/proc/%d/ns/net' % pid, os.O_RDONLY), 0) == 0
enter(${server.pid})
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, ${protocol})
server.bind(('${server.endpoint.address}', ${port}))
server.listen(1)
enter(${client.pid})
client = socket.socket(socket.AF_INET, socket.SOCK_STREAM, ${protocol})
client.connect(('${hostAddress}', ${hostPort}))
connection, peer = server.accept()
connection.sendall(('${server.name} ' + peer[0]).encode())
print(client.recv(100).decode())`;
    return execFileSync('python3', ['-c', python], { encoding: 'utf8', timeout: 30_000 }).trim();
  }

  function whyNoSctp(): string | false {
    try {
      addon.close(addon.holdPort(132, '127.0.0.1', 5_000));
      return false;
    } catch {
      return 'the kernel has no SCTP';
    }
  }
}
