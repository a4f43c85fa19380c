import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { isPairEndpoint, type PairEndpoint } from './pair.ts';
import { bridgeLink, isHostLink, tableName } from './naming.ts';
import { addBridge, addVeth, deleteLink, setLink } from './netlink/requests.ts';
import { openRouteSocket } from './netlink/socket.ts';
import { openNetworks } from './networks.ts';
import { createMemoryState, type MemoryState } from './testing/memory-state.ts';
import {
  hostAddress,
  ip,
  isInOwnNetwork,
  openOutside,
  openTestNamespace,
  outsideAddress,
  rerunInOwnNetwork,
  whyNoNetworks,
} from './testing/own-network.ts';
import { download, openSpeaker } from './testing/traffic.ts';
import type { Networks } from './types.ts';

const prefix = 'orltest';
const outerMtu = 1400;

function open(state: MemoryState, lines: string[] = [], name = prefix): Promise<Networks> {
  return openNetworks({
    addon: loadAddon(),
    prefix: name,
    state,
    logger: createLogger({ level: 'info', sink: (line) => void lines.push(line) }),
  });
}

type BridgeEndpoint = PairEndpoint & { readonly address: string };

async function reserveBridge(networks: Networks, containerId: string): Promise<BridgeEndpoint> {
  const endpoint = await networks.reserve(containerId, 'bridge');
  const { address } = endpoint;
  assert.ok(isPairEndpoint(endpoint) && address !== undefined);
  return { ...endpoint, address };
}

/** Names of links and tables here that belong to an engine with this prefix. */
function traces(name = prefix): string[] {
  using socket = openRouteSocket(loadAddon());
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  return [
    ...socket
      .links()
      .map((link) => link.name)
      .filter((link) => link.startsWith(name)),
    ...(tables.includes(tableName(name)) ? [tableName(name)] : []),
  ];
}

function masterOf(name: string): number | undefined {
  using socket = openRouteSocket(loadAddon());
  return socket.link({ name })?.master;
}

function remove(name: string): void {
  using socket = openRouteSocket(loadAddon());
  socket.change(deleteLink({ name }));
}

if (!isInOwnNetwork()) {
  test('bridges, NAT and repair work in a network of their own', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const outside = await openOutside(addon, outerMtu);

  test.after(() => outside[Symbol.asyncDispose]());

  test('two containers of a bridge reach each other, the host and the outside, which sees the host', async () => {
    // A new namespace takes the machine's own setting over, which may be on already.
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
    const lines: string[] = [];
    await using networks = await open(createMemoryState(), lines);
    await using one = await openTestNamespace(addon);
    await using two = await openTestNamespace(addon);
    const [a, b] = [await reserveBridge(networks, 'one'), await reserveBridge(networks, 'two')];
    await networks.attach(a, one.fd);
    await networks.attach(b, two.fd);
    assert.deepEqual([a.address, b.address, a.gateway, a.prefixLength], ['172.17.0.2', '172.17.0.3', '172.17.0.1', 16]);
    {
      await using first = openSpeaker(addon, one, a.address, 1000);
      await using second = openSpeaker(addon, two, '0.0.0.0', 1000);
      await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
      first.send('hello neighbour', b.address, 1000);
      assert.deepEqual(await second.receive(), { message: 'hello neighbour', from: a.address });
      first.send('hello world', outsideAddress, 1000);
      assert.deepEqual(await far.receive(), { message: 'hello world', from: hostAddress });
    }
    assert.deepEqual(await download(addon, outside, one, outsideAddress, 3_000_000), { count: 3_000_000, client: hostAddress });
    assert.deepEqual(await download(addon, two, one, b.address, 3_000_000), { count: 3_000_000, client: a.address });
    assert.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim(), '1');
    assert.equal(lines.filter((line) => line.includes('switched IPv4 forwarding on')).length, 1);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test("a container's link has the endpoint's name, addresses, route and the MTU of the way out", async () => {
    await using networks = await open(createMemoryState());
    await using namespace = await openTestNamespace(addon);
    const endpoint = await networks.reserve('box', 'bridge', { address: '172.17.9.9', mac: '02:00:00:00:be:ef' });
    await networks.attach(endpoint, namespace.fd);
    using inside = openRouteSocket(addon, namespace.fd);
    const link = inside.link({ name: 'eth0' });
    assert.deepEqual([link?.mtu, link?.up, Buffer.from(link?.mac ?? []).toString('hex')], [outerMtu, true, '02000000beef']);
    const addresses = inside.addresses().filter((entry) => entry.index === link?.index);
    assert.deepEqual(addresses, [{ index: link?.index, address: ip('172.17.9.9'), prefixLength: 16 }]);
    assert.equal(link?.ipv6?.disabled ?? true, true);
    const [route] = inside.routes().filter((entry) => entry.destination.prefixLength === 0 && entry.table === 254);
    assert.deepEqual([route?.gateway, route?.index], [ip('172.17.0.1'), link?.index]);
    await networks.removeAll();
  });

  test('a namespace that belongs to a user namespace is attached alike', async () => {
    await using networks = await open(createMemoryState());
    await using namespace = await openTestNamespace(addon, true);
    const endpoint = await reserveBridge(networks, 'box');
    await networks.attach(endpoint, namespace.fd);
    using inside = openRouteSocket(addon, namespace.fd);
    const link = inside.link({ name: 'eth0' })?.index;
    const own = inside.addresses().filter((entry) => entry.index === link && entry.address.family === 4);
    assert.deepEqual(own, [{ index: link, address: ip(endpoint.address), prefixLength: 16 }]);
    await using box = openSpeaker(addon, namespace, '0.0.0.0', 1000);
    await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
    box.send('from a user namespace', outsideAddress, 1000);
    assert.deepEqual(await far.receive(), { message: 'from a user namespace', from: hostAddress });
    await networks.removeAll();
  });

  test('the outside cannot open a connection to a container, answers come through', async () => {
    await using networks = await open(createMemoryState());
    await using namespace = await openTestNamespace(addon);
    const endpoint = await reserveBridge(networks, 'box');
    await networks.attach(endpoint, namespace.fd);
    execFileSync('nsenter', [`--net=/proc/${outside.pid}/ns/net`, 'ip', 'route', 'replace', '172.17.0.0/16', 'via', hostAddress]);
    await using box = openSpeaker(addon, namespace, '0.0.0.0', 1000);
    await using far = openSpeaker(addon, outside, outsideAddress, 1000);
    far.send('unasked', endpoint.address, 1000);
    box.send('question', outsideAddress, 1000);
    assert.deepEqual(await far.receive(), { message: 'question', from: hostAddress });
    far.answer('answer');
    assert.deepEqual(await box.receive(), { message: 'answer', from: outsideAddress });
    await networks.removeAll();
  });

  test('two engines side by side have different subnets, cannot reach each other, and do not remove what is not theirs', async () => {
    await using left = await open(createMemoryState());
    await using right = await open(createMemoryState(), [], 'orlright');
    await using one = await openTestNamespace(addon);
    await using two = await openTestNamespace(addon);
    const [a, b] = [await reserveBridge(left, 'same'), await reserveBridge(right, 'same')];
    await left.attach(a, one.fd);
    await right.attach(b, two.fd);
    assert.deepEqual([a.address, b.address], ['172.17.0.2', '172.18.0.2']);
    await using first = openSpeaker(addon, one, '0.0.0.0', 1000);
    await using second = openSpeaker(addon, two, '0.0.0.0', 1000);
    await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
    first.send('over the fence', b.address, 1000);
    second.send('ready', outsideAddress, 1000);
    await far.receive();
    far.answer('only this');
    assert.deepEqual(await second.receive(), { message: 'only this', from: outsideAddress });
    await left.removeAll();
    assert.deepEqual(traces(), []);
    assert.deepEqual(traces('orlright').toSorted(), [b.hostLink, bridgeLink('orlright'), tableName('orlright')].toSorted());
    await right.removeAll();
    assert.deepEqual(traces('orlright'), []);
  });

  test('an endpoint stays the same over detach, attach and a new engine, until it is released', async () => {
    const state = createMemoryState();
    await using namespace = await openTestNamespace(addon);
    const endpoint = await (async () => {
      await using networks = await open(state);
      const first = await reserveBridge(networks, 'box');
      await networks.attach(first, namespace.fd);
      await networks.detach(first);
      await networks.detach(first);
      assert.equal(masterOf(first.hostLink), undefined);
      await networks.attach(first, namespace.fd);
      await networks.detach(first);
      return first;
    })();
    await using networks = await open(state);
    assert.deepEqual(await networks.reserve('box', 'bridge'), endpoint);
    await assert.rejects(networks.reserve('box', 'bridge', { address: '172.17.0.77' }), (error) => isOrlopError(error, 'conflict'));
    assert.equal((await reserveBridge(networks, 'other')).address, '172.17.0.3');
    await networks.attach(endpoint, namespace.fd);
    assert.notEqual(masterOf(endpoint.hostLink), 0);
    await networks.release('box');
    await networks.release('box');
    assert.deepEqual(networks.endpoints('box'), []);
    await assert.rejects(networks.attach(endpoint, namespace.fd), (error) => isOrlopError(error, 'failed-precondition'));
    assert.equal((await reserveBridge(networks, 'third')).address, '172.17.0.2');
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('many reservations at once give different addresses and one bridge', async () => {
    await using networks = await open(createMemoryState());
    const endpoints = await Promise.all(Array.from({ length: 40 }, (_, index) => reserveBridge(networks, `box${index}`)));
    assert.equal(new Set(endpoints.map((endpoint) => endpoint.address)).size, 40);
    assert.equal(new Set(endpoints.map((endpoint) => endpoint.hostLink)).size, 40);
    assert.deepEqual(traces().toSorted(), [bridgeLink(prefix), tableName(prefix)].toSorted());
    await networks.removeAll();
  });

  test('host and none have nothing to attach and grant no wishes', async () => {
    await using networks = await open(createMemoryState());
    await using namespace = await openTestNamespace(addon);
    for (const name of ['host', 'none']) {
      const endpoint = await networks.reserve('box', name);
      await networks.attach(endpoint, namespace.fd);
      await networks.detach(endpoint);
      await assert.rejects(networks.reserve('wisher', name, { address: '172.17.0.9' }), (error) => isOrlopError(error, 'invalid-argument'));
    }
    await assert.rejects(networks.reserve('box', 'no-such'), (error) => isOrlopError(error, 'not-found'));
    assert.deepEqual(traces(), []);
  });

  test('a subnet that the host already uses is passed over, and the choice is kept', async () => {
    const state = createMemoryState();
    execFileSync('ip', ['route', 'add', '172.17.128.0/24', 'via', outsideAddress]);
    execFileSync('ip', ['address', 'add', '172.18.200.1/32', 'dev', 'up0']);
    await using networks = await open(state);
    assert.equal((await reserveBridge(networks, 'box')).address, '172.19.0.2');
    execFileSync('ip', ['route', 'del', '172.17.128.0/24']);
    execFileSync('ip', ['address', 'del', '172.18.200.1/32', 'dev', 'up0']);
    await networks.removeAll();
    await using again = await open(state);
    assert.equal((await reserveBridge(again, 'box')).address, '172.19.0.2');
    await again.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('reconcile removes links and endpoints of containers that are gone, and keeps the others', async () => {
    const state = createMemoryState();
    await using one = await openTestNamespace(addon);
    await using two = await openTestNamespace(addon);
    await using three = await openTestNamespace(addon);
    const killed = await open(state);
    const kept = await reserveBridge(killed, 'kept');
    const gone = await reserveBridge(killed, 'gone');
    await killed.attach(kept, one.fd);
    await killed.attach(gone, two.fd);
    // A pair that was made but whose endpoint is nowhere: killed within attach, and the store lost the race.
    using socket = openRouteSocket(addon);
    socket.change(addVeth({ name: `${prefix}v00000`, mtu: outerMtu, peer: { name: 'eth0', netnsFd: three.fd } }));
    await using networks = await open(state);
    await networks.reconcile(['kept']);
    assert.deepEqual(
      networks.endpoints().map((endpoint) => endpoint.containerId),
      ['kept'],
    );
    assert.deepEqual(
      traces().filter((name) => isHostLink(prefix, name)),
      [kept.hostLink],
    );
    await networks.reconcile(['kept']);
    assert.deepEqual(traces().toSorted(), [bridgeLink(prefix), kept.hostLink, tableName(prefix)].toSorted());
    await networks.removeAll();
    await killed[Symbol.asyncDispose]();
  });

  test('reconcile makes a lost bridge and table again and puts running containers back', async () => {
    const state = createMemoryState();
    await using namespace = await openTestNamespace(addon);
    await using networks = await open(state);
    const endpoint = await reserveBridge(networks, 'box');
    await networks.attach(endpoint, namespace.fd);
    remove(bridgeLink(prefix));
    execFileSync('nft', ['delete', 'table', 'inet', tableName(prefix)]);
    await networks.reconcile(['box']);
    await using box = openSpeaker(addon, namespace, '0.0.0.0', 1000);
    await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
    box.send('still here', outsideAddress, 1000);
    assert.deepEqual(await far.receive(), { message: 'still here', from: hostAddress });
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('attach makes a bridge again that somebody removed', async () => {
    await using networks = await open(createMemoryState());
    await using namespace = await openTestNamespace(addon);
    const endpoint = await reserveBridge(networks, 'box');
    remove(bridgeLink(prefix));
    await networks.attach(endpoint, namespace.fd);
    assert.notEqual(masterOf(endpoint.hostLink), 0);
    await networks.removeAll();
  });

  test('a bridge that a killed engine left half-made is finished', async () => {
    using socket = openRouteSocket(addon);
    socket.change(addBridge({ name: bridgeLink(prefix), mtu: 1280, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) }));
    const link = socket.link({ name: bridgeLink(prefix) });
    execFileSync('ip', ['address', 'add', '10.99.0.1/24', 'dev', bridgeLink(prefix)]);
    await using networks = await open(createMemoryState());
    await reserveBridge(networks, 'box');
    const finished = socket.link({ name: bridgeLink(prefix) });
    assert.deepEqual([finished?.index, finished?.up, finished?.mtu], [link?.index, true, outerMtu]);
    const addresses = socket.addresses().filter((entry) => entry.index === link?.index && entry.address.family === 4);
    assert.deepEqual(addresses, [{ index: link?.index, address: ip('172.17.0.1'), prefixLength: 16 }]);
    await networks.removeAll();
  });

  test("another program's link of the bridge's name is refused and left alone", async () => {
    execFileSync('ip', ['link', 'add', bridgeLink(prefix), 'type', 'veth', 'peer', 'name', 'peer0']);
    await using networks = await open(createMemoryState());
    await assert.rejects(networks.reserve('box', 'bridge'), (error) => isOrlopError(error, 'conflict'));
    assert.deepEqual(traces(), [bridgeLink(prefix)]);
    remove(bridgeLink(prefix));
  });

  test('a container that restarts while its old pair still lingers gets a new one', async () => {
    await using networks = await open(createMemoryState());
    await using old = await openTestNamespace(addon);
    await using fresh = await openTestNamespace(addon);
    const endpoint = await reserveBridge(networks, 'box');
    await networks.attach(endpoint, old.fd);
    await networks.attach(endpoint, fresh.fd);
    using inside = openRouteSocket(addon, fresh.fd);
    assert.equal(inside.link({ name: 'eth0' })?.up, true);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a pair that cannot be finished leaves nothing in the way', async () => {
    await using networks = await open(createMemoryState());
    await using namespace = await openTestNamespace(addon);
    const endpoint = await reserveBridge(networks, 'box');
    using host = openRouteSocket(addon);
    const bridge = host.link({ name: bridgeLink(prefix) })?.index ?? 0;
    using inside = openRouteSocket(addon, namespace.fd);
    // Somebody in the container has a link of the name already.
    inside.change(addBridge({ name: 'eth0', mtu: outerMtu, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) }));
    await assert.rejects(networks.attach(endpoint, namespace.fd), /eth0|EEXIST/);
    assert.equal(host.link({ name: endpoint.hostLink }), null);
    assert.equal(networks.isAttached(endpoint), false);
    inside.change(deleteLink({ name: 'eth0' }));
    await networks.attach(endpoint, namespace.fd);
    assert.equal(masterOf(endpoint.hostLink), bridge);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a bridge without a free port is named, with what to do', async () => {
    await using networks = await open(createMemoryState());
    const endpoint = await reserveBridge(networks, 'one-too-many');
    await using crowd = await openTestNamespace(addon);
    await using namespace = await openTestNamespace(addon);
    using host = openRouteSocket(addon);
    const master = host.link({ name: bridgeLink(prefix) })?.index ?? 0;
    const pairs = Array.from({ length: 1_023 }, (_, index) =>
      addVeth({ name: `${prefix}v${index}`, mtu: 1400, master, peer: { name: `p${index}`, netnsFd: crowd.fd } }),
    );
    host.change(...pairs);
    await assert.rejects(
      networks.attach(endpoint, namespace.fd),
      (error) => isOrlopError(error, 'resource-exhausted') && error.message.includes(bridgeLink(prefix)),
    );
    assert.equal(host.link({ name: endpoint.hostLink }), null);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a link that cannot be set is named in the error, with the words of the kernel', () => {
    using socket = openRouteSocket(addon);
    assert.throws(() => socket.change(setLink({ name: 'no-such' }, { up: true })), /cannot change link no-such: ENODEV/);
    assert.throws(
      () => socket.change(addVeth({ name: 'bad/name', mtu: 1400, peer: { name: 'x', netnsFd: outside.fd } })),
      /bad\/name: EINVAL/,
    );
  });
}
