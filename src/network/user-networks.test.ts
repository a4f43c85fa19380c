import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { tableName } from './naming.ts';
import { addAddress } from './netlink/requests.ts';
import { openRouteSocket } from './netlink/socket.ts';
import { arrives, connect, isCutOff, openBox, openUserNetworks, prefix, refuses, sendAllVia, traces, type Box } from './testing/boxes.ts';
import { createMemoryState } from './testing/memory-state.ts';
import { hostAddress, ip, isInOwnNetwork, openOutside, outsideAddress, rerunInOwnNetwork, whyNoNetworks } from './testing/own-network.ts';
import { openSpeaker } from './testing/traffic.ts';
import type { Endpoint } from './types.ts';

const outside6 = 'fd99::1';
const host6 = 'fd99::2';

if (!isInOwnNetwork()) {
  test('networks of users work in a network of their own', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const outside = await openOutside(addon, 1400);
  {
    using host = openRouteSocket(addon);
    host.change(addAddress(host.link({ name: 'up0' })?.index ?? 0, ip(host6), 64));
    // As if a router had said so.
    execFileSync('ip', ['-6', 'route', 'add', '2001:db8::/32', 'via', outside6, 'dev', 'up0', 'proto', 'ra']);
    using far = openRouteSocket(addon, outside.fd);
    far.change(addAddress(far.link({ name: 'eth0' })?.index ?? 0, ip(outside6), 64));
  }
  test.after(() => outside[Symbol.asyncDispose]());

  test('a network with both families: neighbours and the outside are reached over either', async () => {
    await using networks = await openUserNetworks();
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
    await using networks = await openUserNetworks();
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
      sendAllVia(inner, networks.find('inner').pools[0]?.gateway);
      assert.equal(await isCutOff(from, to, endpoint.address), true);
    }
    await networks.removeAll();
    assert.deepEqual(traces(), []);
    assert.equal(networks.list().length, 6);
  });

  test('a container in several networks has its way out through the one with the highest priority, then the first by name', async () => {
    await using networks = await openUserNetworks();
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
    await using networks = await openUserNetworks();
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

  test('a network goes on with further bridges when one is full, and its containers do not notice', async () => {
    const state = createMemoryState();
    await using networks = await openUserNetworks(state, 3);
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
    const [first, second, beside, last] = [crowd[0], crowd[4], crowd[6], crowd[7]];
    assert.ok(first !== undefined && second !== undefined && beside !== undefined && last !== undefined);
    for (const [[from], [to, { address, address6 }]] of [
      [first, last],
      [last, second],
    ] as const) {
      await arrives(from, to, address);
      await arrives(from, to, address6);
    }
    await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
    await using speaker = openSpeaker(addon, last[0], '0.0.0.0', 1002);
    speaker.send('from the last bridge', outsideAddress, 1000);
    assert.deepEqual(await far.receive(), { message: 'from the last bridge', from: hostAddress });
    // Where the kernel shows bridged packets to the firewall, a published port leaves the further bridge by the host, which may look where packets come from.
    writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '1');
    for (const [index, [target, endpoint]] of [first, beside, last].entries()) {
      const port = 14_000 + index;
      const wish = { containerPort: 1000, protocol: 'udp', hostPort: { first: port, last: port } } as const;
      await networks.ports.open(target.id, endpoint, await networks.ports.reserve(target.id, [wish]));
      for (const [any, host] of [
        ['0.0.0.0', hostAddress],
        ['::', host6],
      ] as const) {
        await using receiver = openSpeaker(addon, target, any, 1000);
        await using caller = openSpeaker(addon, last[0], any, 1005);
        caller.send(`to ${target.id}`, host, port);
        assert.equal((await receiver.receive()).message, `to ${target.id}`);
        receiver.answer('and back');
        assert.deepEqual(await caller.receive(), { message: 'and back', from: host });
      }
      await networks.ports.close(target.id);
    }
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
    assert.deepEqual(await far.receive(), { message: 'out all the same', from: hostAddress });
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('an isolated internal network has no address on the host, and its containers reach each other', async () => {
    await using networks = await openUserNetworks();
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
