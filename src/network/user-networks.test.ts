import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isOrlopError, type ErrorKind } from '#errors';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { formatAddress } from './addresses.ts';
import { tableName } from './naming.ts';
import { addAddress, addVeth, deleteLink, setLink } from './netlink/requests.ts';
import { openRouteSocket } from './netlink/socket.ts';
import { openNetworks } from './networks.ts';
import { createMemoryState, type MemoryState } from './testing/memory-state.ts';
import {
  ip,
  isInOwnNetwork,
  openOutside,
  openTestNamespace,
  outsideAddress,
  rerunInOwnNetwork,
  whyNoNetworks,
  type TestNamespace,
} from './testing/own-network.ts';
import { openSpeaker } from './testing/traffic.ts';
import type { Endpoint, EndpointWishes, Networks, NetworkRequest } from './types.ts';

const prefix = 'orluser';
const outside6 = 'fd99::1';
const host6 = 'fd99::2';

function open(state: MemoryState = createMemoryState(), portLimit = 1000): Promise<Networks> {
  return openNetworks({
    addon: loadAddon(),
    prefix,
    state,
    portLimit,
    logger: createLogger({ level: 'warn', sink: (line) => process.stdout.write(line) }),
  });
}

/** Names of links and tables here that belong to the engine. */
function traces(): string[] {
  using socket = openRouteSocket(loadAddon());
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  const links = socket.links().map((link) => link.name);
  return [
    ...links.filter((link) => link.startsWith(prefix) || link === 'custom0'),
    ...(tables.includes(tableName(prefix)) ? [tableName(prefix)] : []),
  ];
}

interface Box extends TestNamespace {
  readonly id: string;
  /** Addresses of its interface, as `eth0 172.18.0.2/16`, without those that a link gives itself. */
  addresses(): string[];
  /** Where everything else goes: `4 eth0 172.18.0.1`. */
  defaults(): string[];
}

async function openBox(id: string): Promise<Box> {
  const addon = loadAddon();
  const namespace = await openTestNamespace(addon);
  const inside = openRouteSocket(addon, namespace.fd);
  const nameOf = (index: number): string => inside.link({ index })?.name ?? '';
  return {
    ...namespace,
    id,
    addresses: () =>
      inside
        .addresses()
        .map((entry) => `${nameOf(entry.index)} ${formatAddress(entry.address)}/${entry.prefixLength}`)
        .filter((text) => !text.startsWith('lo ') && !text.includes(' fe80:'))
        .toSorted(),
    defaults: () =>
      inside
        .routes()
        .filter((route) => route.table === 254 && route.destination.prefixLength === 0)
        .map((route) => `${route.destination.family} ${nameOf(route.index)} ${route.gateway === null ? '-' : formatAddress(route.gateway)}`)
        .toSorted(),
    async [Symbol.asyncDispose]() {
      inside[Symbol.dispose]();
      await namespace[Symbol.asyncDispose]();
    },
  };
}

async function connect(networks: Networks, box: Box, network: string, wanted?: EndpointWishes & { names?: string[] }): Promise<Endpoint> {
  const endpoint = await networks.reserve(box.id, network, wanted);
  await networks.attach(endpoint, box.fd);
  return endpoint;
}

/** Waits until a datagram has got from one to the other. A link that has just been made loses some. */
async function arrives(from: Box, to: Box, address: string | undefined): Promise<void> {
  const any = address?.includes(':') === true ? '::' : '0.0.0.0';
  const addon = loadAddon();
  await using sender = openSpeaker(addon, from, any, 0);
  await using receiver = openSpeaker(addon, to, any, 4000);
  const again = setInterval(() => sender.send('over there', address ?? '', 4000), 50);
  await receiver.receive();
  clearInterval(again);
}

/** Whether nothing gets from one to the other: what is sent to the host afterwards arrives, and it has not. */
async function isCutOff(from: Box, to: Box, address: string | undefined): Promise<boolean> {
  const addon = loadAddon();
  await using sender = openSpeaker(addon, from, '0.0.0.0', 0);
  await using receiver = openSpeaker(addon, to, '0.0.0.0', 4000);
  await using host = openSpeaker(addon, { fd: -1 }, '0.0.0.0', 4001);
  const gateway = addressesOf(from)[0]?.replace(/\.\d+\.\d+\/.*/, '.0.1') ?? '';
  let arrived = false;
  void receiver.receive().then(() => (arrived = true));
  for (let round = 0; round < 3; round += 1) {
    const again = setInterval(() => sender.send('hello host', gateway, 4001), 50);
    await host.receive();
    clearInterval(again);
    sender.send('over there', address ?? '', 4000);
  }
  sender.send('last', gateway, 4001);
  while ((await host.receive()).message !== 'last');
  return !arrived;
}

/** IPv4 addresses of a container, with their prefixes. */
function addressesOf(box: Box): string[] {
  return box.addresses().flatMap((text) => / (\d.*)/.exec(text)?.[1] ?? []);
}

function refuses(kind: ErrorKind, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isOrlopError(error), String(error));
    assert.deepEqual([error.kind, words.test(error.message) || error.message], [kind, true]);
    return true;
  };
}

if (!isInOwnNetwork()) {
  test('networks of users work in a network of their own', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const outside = await openOutside(addon, 1400);
  {
    using host = openRouteSocket(addon);
    host.change(addAddress(host.link({ name: 'up0' })?.index ?? 0, ip(host6), 64));
    using far = openRouteSocket(addon, outside.fd);
    far.change(addAddress(far.link({ name: 'eth0' })?.index ?? 0, ip(outside6), 64));
  }
  test.after(() => outside[Symbol.asyncDispose]());

  test('a network with both families: neighbours and the outside are reached over either', async () => {
    await using networks = await open();
    const { network, warnings } = await networks.create({ name: 'front', ipv6: true, labels: { tier: 'web' } });
    assert.deepEqual(warnings, []);
    assert.equal(network.pools.length, 2);
    assert.match(network.pools[1]?.subnet ?? '', /^fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/64$/);
    assert.deepEqual(networks.find('front'), network);
    assert.deepEqual(networks.find(network.id.slice(0, 9)), network);
    await using one = await openBox('one');
    await using two = await openBox('two');
    const [a, b] = [await connect(networks, one, 'front'), await connect(networks, two, 'front')];
    assert.deepEqual(one.addresses(), [`eth0 ${a.address6}/64`, `eth0 ${a.address}/16`].toSorted());
    assert.deepEqual(one.defaults(), [`4 eth0 ${a.gateway}`, `6 eth0 ${a.gateway6}`]);
    for (const [to, outer, mine, seen] of [
      [b.address, outsideAddress, '0.0.0.0', a.address],
      [b.address6, outside6, '::', a.address6],
    ]) {
      await using first = openSpeaker(addon, one, mine ?? '', 1000);
      await using second = openSpeaker(addon, two, mine ?? '', 1000);
      await using far = openSpeaker(addon, outside, mine ?? '', 1000);
      first.send('hello neighbour', to ?? '', 1000);
      assert.deepEqual(await second.receive(), { message: 'hello neighbour', from: seen });
      first.send('hello world', outer ?? '', 1000);
      assert.equal((await far.receive()).message, 'hello world');
      far.answer('hello container');
      assert.equal((await first.receive()).message, 'hello container');
    }
    await assert.rejects(networks.remove('front'), refuses('conflict', /has active endpoints \(one|has active endpoints/));
    await networks.release('one');
    await networks.release('two');
    await networks.remove('front');
    assert.deepEqual(
      networks.list().map(({ name }) => name),
      ['bridge', 'host', 'none'],
    );
    assert.deepEqual(
      traces().filter((name) => !/x[0-9a-z]+$/.test(name)),
      [tableName(prefix)],
    );
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('networks are apart from each other, and an internal one from everything', async () => {
    await using networks = await open();
    for (const request of [{ name: 'left' }, { name: 'right' }, { name: 'inner', internal: true }]) await networks.create(request);
    await using left = await openBox('left');
    await using right = await openBox('right');
    await using inner = await openBox('inner');
    await using other = await openBox('other');
    const [l, r, i] = [
      await connect(networks, left, 'left'),
      await connect(networks, right, 'right'),
      await connect(networks, inner, 'inner'),
    ];
    const o = await connect(networks, other, 'inner');
    assert.deepEqual([inner.defaults(), i.gateway], [[], undefined]);
    await arrives(inner, other, o.address);
    assert.equal(await isCutOff(left, right, r.address), true);
    for (const [from, to, endpoint] of [
      [left, inner, i],
      [inner, left, l],
    ] as const) {
      // Even when a container helps itself to a route.
      execFileSync('nsenter', [
        `--net=/proc/${inner.pid}/ns/net`,
        'ip',
        'route',
        'replace',
        'default',
        'via',
        String(networks.find('inner').pools[0]?.gateway),
      ]);
      assert.equal(await isCutOff(from, to, endpoint.address), true);
    }
    await networks.removeAll();
    assert.deepEqual(traces(), []);
    assert.equal(networks.list().length, 6);
  });

  test('a container in several networks has its way out through the one with the highest priority, then the first by name', async () => {
    await using networks = await open();
    for (const name of ['b', 'a', 'c', 'inner']) await networks.create({ name, internal: name === 'inner', ipv6: name === 'c' });
    await using box = await openBox('box');
    const inner = await connect(networks, box, 'inner');
    assert.deepEqual(box.defaults(), []);
    const b = await connect(networks, box, 'b');
    assert.deepEqual([inner.link, b.link, box.defaults()], ['eth0', 'eth1', [`4 eth1 ${b.gateway}`]]);
    const a = await connect(networks, box, 'a');
    assert.deepEqual(box.defaults(), [`4 eth2 ${a.gateway}`]);
    const c = await connect(networks, box, 'c', { priority: 7 });
    assert.deepEqual(box.defaults(), [`4 eth3 ${c.gateway}`, `6 eth3 ${c.gateway6}`]);
    await networks.detach(c, box.fd);
    await networks.release('box', 'c');
    assert.deepEqual(box.defaults(), [`4 eth2 ${a.gateway}`]);
    assert.deepEqual(box.addresses().length, 3);
    const again = await connect(networks, box, 'bridge', { link: 'uplink', priority: -1 });
    assert.equal(again.link, 'uplink');
    for (const endpoint of [a, b, again]) await networks.detach(endpoint, box.fd);
    assert.deepEqual([box.defaults(), box.addresses()], [[], [`eth0 ${inner.address}/16`]]);
    assert.deepEqual(
      networks.endpoints('box').map((one) => networks.isAttached(one)),
      [true, false, false, false],
    );
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('wishes are granted: addresses of both families, hardware address, link-local ones, settings', async () => {
    await using networks = await open();
    await networks.create({
      name: 'net',
      ipv6: true,
      pools: [
        { subnet: '10.40.0.0/16', range: '10.40.7.0/24', auxiliary: { router: '10.40.7.0' } },
        { subnet: 'fd40::/64', gateway: 'fd40::99' },
      ],
    });
    await using box = await openBox('box');
    await using plain = await openBox('plain');
    await connect(networks, box, 'net', {
      address: '10.40.200.3',
      address6: 'fd40::3',
      mac: '02:00:00:00:00:0c',
      linkLocal: ['169.254.3.4'],
      driverOptions: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1' },
    });
    assert.deepEqual(box.addresses(), ['eth0 10.40.200.3/16', 'eth0 169.254.3.4/16', 'eth0 fd40::3/64']);
    assert.deepEqual(box.defaults(), ['4 eth0 10.40.0.1', '6 eth0 fd40::99']);
    const setting = (name: string): string =>
      execFileSync('nsenter', [`--net=/proc/${box.pid}/ns/net`, 'cat', `/proc/sys/net/${name}`], { encoding: 'utf8' }).trim();
    assert.deepEqual(
      [setting('ipv4/conf/eth0/log_martians'), setting('ipv6/conf/eth0/accept_ra'), setting('ipv6/conf/eth0/disable_ipv6')],
      ['1', '0', '0'],
    );
    assert.equal((await connect(networks, plain, 'net')).address, '10.40.7.1');
    // A wish can be granted to several, of whom one is attached at a time: whoever replaces a container needs it.
    await using next = await openBox('next');
    const wish = await networks.reserve('next', 'net', { address: '10.40.200.3' });
    await assert.rejects(networks.attach(wish, next.fd), refuses('conflict', /Address already in use: 10\.40\.200\.3/));
    await networks.release('box');
    await networks.attach(wish, next.fd);
    await assert.rejects(networks.reserve('x', 'net', { address: '10.40.7.1' }), refuses('conflict', /Address already in use/));
    await assert.rejects(
      networks.reserve('x', 'net', { address: '10.41.0.1' }),
      refuses('invalid-argument', /does not belong to any of this network's subnets/),
    );
    await assert.rejects(networks.reserve('x', 'net', { address: '10.40.255.255' }), refuses('invalid-argument', /reserved/));
    await networks.removeAll();
  });

  test('a request that cannot be is refused with words that clients know, and leaves nothing', async () => {
    await using networks = await open();
    await networks.create({ name: 'there', pools: [{ subnet: '10.50.0.0/16' }] });
    const before = traces();
    const cases: readonly [request: NetworkRequest, kind: ErrorKind, words: RegExp][] = [
      [{ name: 'there' }, 'conflict', /^network with name there already exists$/],
      [{ name: 'bridge' }, 'permission-denied', /^operation is not permitted on predefined bridge network$/],
      [{ name: 'a b' }, 'invalid-argument', /a b/],
      [{ name: '' }, 'invalid-argument', /name/],
      [{ name: 'x', driver: 'host' }, 'permission-denied', /^only one instance of "host" network is allowed$/],
      [{ name: 'x', driver: 'null' }, 'permission-denied', /^only one instance of "null" network is allowed$/],
      [{ name: 'x', driver: 'overlay' }, 'not-found', /^plugin "overlay" not found$/],
      [{ name: 'x', ipv4: false }, 'invalid-argument', /neither IPv4 nor IPv6/],
      [{ name: 'x', pools: [{ subnet: '10.50.9.0/24' }] }, 'conflict', /Pool overlaps with other one on this address space/],
      [{ name: 'x', pools: [{ subnet: '10.60.0.1/16' }] }, 'invalid-argument', /it should be 10\.60\.0\.0\/16/],
      [{ name: 'x', pools: [{ subnet: 'nonsense' }] }, 'invalid-argument', /invalid CIDR block notation/],
      [{ name: 'x', pools: [{ subnet: '10.60.0.0/16', gateway: '10.61.0.1' }] }, 'invalid-argument', /doesn't contain this address/],
      [{ name: 'x', pools: [{ subnet: '10.60.0.0/16', gateway: '10.60.255.255' }] }, 'invalid-argument', /broadcast/],
      [{ name: 'x', pools: [{ subnet: '10.60.0.0/16', range: '10.61.0.0/24' }] }, 'invalid-argument', /doesn't contain ip-range/],
      [{ name: 'x', pools: [{ subnet: '10.60.0.0/16', range: '10.0.0.0/8' }] }, 'invalid-argument', /bigger than its parent subnet/],
      [{ name: 'x', pools: [{ gateway: '10.60.0.1' }] }, 'invalid-argument', /no matching subnet for gateway/],
      [{ name: 'x', pools: [{ subnet: '127.0.0.0/8' }] }, 'invalid-argument', /127\.0\.0\.0/],
      [{ name: 'x', pools: [{ subnet: '10.60.0.0/16' }, { subnet: '10.61.0.0/16' }] }, 'invalid-argument', /multiple subnets/],
      [{ name: 'x', options: { 'com.docker.network.driver.mtu': 'big' } }, 'invalid-argument', /mtu/],
      [{ name: 'x', options: { 'com.docker.network.bridge.inhibit_ipv4': '1' } }, 'unimplemented', /inhibit_ipv4/],
      [{ name: 'x', options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'routed' } }, 'unimplemented', /gateway_mode_ipv4=routed/],
      [{ name: 'x', options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' } }, 'invalid-argument', /isolated/],
      [{ name: 'x', options: { 'com.docker.network.bridge.name': 'up0' } }, 'conflict', /up0/],
      [{ name: 'x', driver: 'macvlan', options: { parent: 'lo' } }, 'invalid-argument', /loopback/],
      [{ name: 'x', driver: 'macvlan', options: { parent: 'nothing9' } }, 'not-found', /nothing9/],
      [{ name: 'x', driver: 'macvlan', options: { parent: 'up0', macvlan_mode: 'odd' } }, 'invalid-argument', /macvlan_mode/],
    ];
    for (const [request, kind, words] of cases)
      await assert.rejects(networks.create(request), refuses(kind, words), JSON.stringify(request));
    for (const name of ['bridge', 'none'])
      await assert.rejects(networks.remove(name), refuses('permission-denied', /is a pre-defined network and cannot be removed/));
    await assert.rejects(networks.remove('nothing'), refuses('not-found', /network nothing not found/));
    assert.deepEqual([networks.list().length, traces()], [4, before]);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('options: the name of the bridge, the MTU, the names of interfaces; what nobody knows is kept and said', async () => {
    await using networks = await open();
    const options = {
      'com.docker.network.bridge.name': 'custom0',
      'com.docker.network.driver.mtu': '1300',
      'com.docker.network.container_iface_prefix': 'net',
      'org.example.note': 'mine',
    };
    const { network, warnings } = await networks.create({ name: 'odd', options });
    assert.deepEqual([network.options, network.links, warnings.length], [options, ['custom0'], 1]);
    await using box = await openBox('box');
    assert.equal((await connect(networks, box, 'odd')).link, 'net0');
    using host = openRouteSocket(addon);
    assert.deepEqual([host.link({ name: 'custom0' })?.mtu, host.link({ name: 'custom0' })?.up], [1300, true]);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a network goes on with further bridges when one is full, and its containers do not notice', async () => {
    const state = createMemoryState();
    await using networks = await open(state, 3);
    await networks.create({ name: 'crowd', ipv6: true });
    await networks.create({ name: 'shy', options: { 'com.docker.network.bridge.enable_icc': 'false' } });
    await using boxes = new AsyncDisposableStack();
    const crowd: [Box, Endpoint][] = [];
    for (let index = 0; index < 8; index += 1) {
      const box = boxes.use(await openBox(`box${index}`));
      crowd.push([box, await connect(networks, box, 'crowd')]);
    }
    assert.equal(networks.find('crowd').links.length, 3);
    assert.equal(new Set(crowd.map(([, endpoint]) => endpoint.bridge)).size, 3);
    const [first, second, last] = [crowd[0], crowd[4], crowd[7]];
    assert.ok(first !== undefined && second !== undefined && last !== undefined);
    for (const [[from], [to, { address, address6 }]] of [
      [first, last],
      [last, second],
    ] as const) {
      await arrives(from, to, address);
      await arrives(from, to, address6);
    }
    await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
    await using speaker = openSpeaker(addon, last[0], '0.0.0.0', 1000);
    speaker.send('from the last bridge', outsideAddress, 1000);
    assert.equal((await far.receive()).message, 'from the last bridge');
    const shy: [Box, Endpoint][] = [];
    for (const [box] of crowd.slice(0, 5)) shy.push([box, await connect(networks, box, 'shy', { priority: 1 })]);
    const [a, b, e] = [shy[0], shy[1], shy[4]];
    assert.ok(a !== undefined && b !== undefined && e !== undefined);
    // On the same bridge, on different ones, in both directions.
    for (const [[from], [to, { address }]] of [
      [a, b],
      [a, e],
      [e, b],
    ] as const) {
      assert.equal(await isCutOff(from, to, address), true);
    }
    await using shyer = openSpeaker(addon, e[0], '0.0.0.0', 1001);
    shyer.send('out all the same', outsideAddress, 1000);
    assert.equal((await far.receive()).message, 'out all the same');
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('macvlan: containers are on the wire of the parent, by a link that is theirs', async (t) => {
    await using networks = await open();
    await using wire = await openTestNamespace(addon);
    using host = openRouteSocket(addon);
    host.change(addVeth({ name: 'lan0', mtu: 1400, peer: { name: 'eth0', netnsFd: wire.fd } }));
    t.after(() => {
      using again = openRouteSocket(addon);
      again.change(deleteLink({ name: 'lan0' }));
    });
    host.change(setLink({ name: 'lan0' }, { up: true }));
    using far = openRouteSocket(addon, wire.fd);
    const end = far.link({ name: 'eth0' })?.index ?? 0;
    far.change(setLink({ index: end }, { up: true }), addAddress(end, ip('192.0.2.1'), 24));
    await networks.create({
      name: 'lan',
      driver: 'macvlan',
      options: { parent: 'lan0' },
      pools: [{ subnet: '192.0.2.0/24', gateway: '192.0.2.1' }],
    });
    await assert.rejects(
      networks.create({ name: 'lan2', driver: 'macvlan', options: { parent: 'lan0' } }),
      refuses('conflict', /already using parent interface lan0/),
    );
    await using one = await openBox('one');
    await using two = await openBox('two');
    const a = await connect(networks, one, 'lan', { mac: '02:00:00:00:00:aa' });
    const b = await connect(networks, two, 'lan');
    assert.deepEqual([one.addresses(), one.defaults()], [['eth0 192.0.2.2/24'], ['4 eth0 192.0.2.1']]);
    await arrives(one, two, b.address);
    await using there = openSpeaker(addon, wire, '0.0.0.0', 1000);
    await using here = openSpeaker(addon, one, '0.0.0.0', 1000);
    here.send('on the wire', '192.0.2.1', 1000);
    assert.deepEqual(await there.receive(), { message: 'on the wire', from: a.address });
    await networks.detach(a, one.fd);
    assert.deepEqual(one.addresses(), []);
    await networks.create({ name: 'nowhere', driver: 'macvlan' });
    const [c, d] = [await connect(networks, one, 'nowhere'), await connect(networks, two, 'nowhere')];
    await arrives(one, two, d.address);
    assert.ok(c.address !== d.address);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
    assert.notEqual(host.link({ name: 'lan0' }), null);
  });

  test('an isolated internal network has no address on the host, and its containers reach each other', async () => {
    await using networks = await open();
    const options = { 'com.docker.network.bridge.gateway_mode_ipv4': 'isolated' };
    const { network } = await networks.create({ name: 'sealed', internal: true, options });
    using host = openRouteSocket(addon);
    const index = host.link({ name: network.links[0] ?? '' })?.index;
    assert.deepEqual(
      host.addresses().filter((entry) => entry.index === index),
      [],
    );
    await using one = await openBox('one');
    await using two = await openBox('two');
    await connect(networks, one, 'sealed');
    const b = await connect(networks, two, 'sealed');
    await arrives(one, two, b.address);
    await networks.removeAll();
  });

  test('switching IPv6 forwarding on leaves the host its way out', async () => {
    assert.equal(readFileSync('/proc/sys/net/ipv6/conf/all/forwarding', 'utf8').trim(), '1');
    assert.equal(readFileSync('/proc/sys/net/ipv6/conf/up0/accept_ra', 'utf8').trim(), '2');
  });
}
