import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { formatAddress, formatSubnet } from '../addresses.ts';
import { formatMac } from '../ipam.ts';
import { ip, isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks } from '../testing/own-network.ts';
import { addAddress, addBridge, setDefaultRoute, addVeth, deleteAddress, deleteGroup, deleteLink, setLink } from './requests.ts';
import { isRefusal, openRouteSocket } from './socket.ts';

type Json = Record<string, unknown>;

function ipJson(...args: string[]): Json[] {
  return JSON.parse(execFileSync('ip', ['-j', ...args], { encoding: 'utf8' })) as Json[];
}

function ipCommand(line: string): void {
  execFileSync('ip', line.split(' '));
}

if (!isInOwnNetwork()) {
  test('netlink says the same as ip(8)', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const socket = openRouteSocket(addon);
  test.after(() => socket[Symbol.dispose]());
  socket.change(setLink({ name: 'lo' }, { up: true }));
  socket.change(addBridge({ name: 'br0', mtu: 1300, mac: Uint8Array.of(2, 1, 2, 3, 4, 5) }));
  const bridge = socket.link({ name: 'br0' })?.index ?? 0;
  socket.change(setLink({ index: bridge }, { up: true }), addAddress(bridge, ip('10.1.0.1'), 16));

  test('links are listed as ip lists them', async () => {
    await using namespace = await openTestNamespace(addon);
    socket.change(addVeth({ name: 'v0', mtu: 1280, master: bridge, peer: { name: 'eth9', netnsFd: namespace.fd } }));
    socket.change(setLink({ name: 'v0' }, { up: true, group: 77, noIpv6Address: true }));
    const links = socket.links();
    const names = new Map(links.map((link) => [link.index, link.name]));
    const ours = links.map((link) => [link.index, link.name, link.mtu, formatMac(link.mac), link.up, names.get(link.master), link.kind]);
    const theirs = ipJson('-d', 'link').map((link) => [
      link['ifindex'],
      link['ifname'],
      link['mtu'],
      link['address'],
      (link['flags'] as string[]).includes('UP'),
      link['master'],
      (link['linkinfo'] as Json | undefined)?.['info_kind'] ?? '',
    ]);
    assert.deepEqual(ours, theirs);
    assert.deepEqual(
      links.filter((link) => link.group === 77).map((link) => link.name),
      ['v0'],
    );
    assert.equal(
      ipJson('-6', 'address', 'show', 'dev', 'v0').some((entry) => Object.keys(entry).length > 0),
      false,
    );
    using inside = openRouteSocket(addon, namespace.fd);
    assert.equal(inside.link({ name: 'eth9' })?.mtu, 1280);
    socket.change(deleteGroup(77));
    assert.equal(inside.link({ name: 'eth9' }), null);
  });

  test('addresses of both families are listed as ip lists them', () => {
    ipCommand('address add fd00:1::5/64 dev br0 nodad');
    ipCommand('address add 192.0.2.9 peer 192.0.2.10/32 dev br0');
    const ours = socket.addresses().map((entry) => [entry.index, formatAddress(entry.address), entry.prefixLength]);
    const theirs = ipJson('address').flatMap((link) =>
      (link['addr_info'] as Json[]).map((entry) => [link['ifindex'], entry['local'], entry['prefixlen']]),
    );
    assert.deepEqual(new Set(ours), new Set(theirs));
    ipCommand('address del 192.0.2.9 peer 192.0.2.10/32 dev br0');
    socket.change(deleteAddress(bridge, ip('fd00:1::5'), 64));
    assert.equal(
      socket.addresses().some((entry) => formatAddress(entry.address) === 'fd00:1::5'),
      false,
    );
  });

  test('routes of all tables are listed as ip lists them', () => {
    ipCommand('address add 10.9.0.1/24 dev br0');
    socket.change(setDefaultRoute(bridge, ip('10.1.0.99')));
    for (const route of [
      'default via 10.1.0.98 metric 50',
      '172.20.0.0/14 via 10.1.0.97 table 1234',
      'unreachable 172.30.0.0/16',
      '172.31.0.0/16 nexthop via 10.1.0.96 nexthop via 10.9.0.96',
    ])
      ipCommand(`route add ${route}`);
    const names = new Map(socket.links().map((link) => [link.index, link.name]));
    const v4 = socket.routes().filter((route) => route.destination.family === 4);
    const ours = v4.map((route) => [
      formatSubnet(route.destination),
      route.gateway === null ? undefined : formatAddress(route.gateway),
      names.get(route.index),
      route.metric,
    ]);
    const theirs = ipJson('-4', 'route', 'show', 'table', 'all').map((route) => {
      const dst = String(route['dst'] === 'default' ? '0.0.0.0/0' : route['dst']);
      const hops = route['nexthops'] as Json[] | undefined;
      return [dst.includes('/') ? dst : `${dst}/32`, route['gateway'], route['dev'] ?? hops?.[0]?.['dev'], route['metric'] ?? 0];
    });
    assert.deepEqual(ours.map(String).toSorted(), theirs.map(String).toSorted());
    assert.equal(v4.find((route) => route.table === 1234)?.destination.prefixLength, 14);
  });

  test('a link is renamed, moved to another namespace and out of its bridge', async () => {
    await using namespace = await openTestNamespace(addon);
    await using other = await openTestNamespace(addon);
    socket.change(addVeth({ name: 'v1', mtu: 1400, master: bridge, peer: { name: 'p1', netnsFd: other.fd } }));
    const index = socket.link({ name: 'v1' })?.index ?? 0;
    const mac = Uint8Array.of(2, 9, 9, 9, 9, 9);
    socket.change(setLink({ index }, { name: 'w1', mtu: 1290, mac }), setLink({ index }, { master: 0 }));
    const changed = socket.link({ name: 'w1' });
    assert.deepEqual(
      [changed?.index, changed?.mtu, formatMac(changed?.mac ?? mac), changed?.master],
      [index, 1290, '02:09:09:09:09:09', 0],
    );
    socket.change(setLink({ name: 'w1' }, { netnsFd: namespace.fd }));
    assert.equal(socket.link({ name: 'w1' }), null);
    using inside = openRouteSocket(addon, namespace.fd);
    inside.change(deleteLink({ name: 'w1' }));
  });

  test('of several requests each is tried and the first failure is told', () => {
    const requests = [setLink({ name: 'lost' }, { up: true }), setLink({ name: 'br0' }, { mtu: 1290 }), deleteLink({ name: 'gone' })];
    assert.throws(
      () => socket.change(...requests),
      (error) => isRefusal(error, 'ENODEV') && isOrlopError(error) && error.message === 'cannot change link lost: ENODEV',
    );
    assert.equal(socket.link({ name: 'br0' })?.mtu, 1290);
    socket.change();
  });

  test('what exists is refused by name, and what the kernel says is passed on', () => {
    const again = addBridge({ name: 'br0', mtu: 1300, mac: Uint8Array.of(2, 1, 2, 3, 4, 5) });
    assert.throws(
      () => socket.change(again),
      (error) => isOrlopError(error, 'already-exists') && error.message.includes('bridge br0'),
    );
    const unreachable = setDefaultRoute(bridge, ip('203.0.113.1'));
    assert.throws(
      () => socket.change(unreachable),
      (error) => isOrlopError(error) && /\(.*gateway.*\)/.test(error.message),
    );
  });

  test('a listing longer than one datagram is read whole', () => {
    for (let index = 0; index < 60; index += 1)
      socket.change(addBridge({ name: `many${index}`, mtu: 1400, mac: Uint8Array.of(2, 0, 0, 0, 0, index) }));
    assert.equal(socket.links().filter((link) => link.name.startsWith('many')).length, 60);
    for (const link of socket.links()) if (link.name.startsWith('many')) socket.change(setLink({ index: link.index }, { group: 78 }));
    socket.change(deleteGroup(78));
  });

  test('sockets do not outlive their use', async () => {
    await using namespace = await openTestNamespace(addon);
    const before = readdirSync('/proc/self/fd').length;
    for (let round = 0; round < 20; round += 1) {
      using inside = openRouteSocket(addon, namespace.fd);
      inside.links();
    }
    const file = openSync('/dev/null', 'r');
    assert.throws(() => openRouteSocket(addon, file), /EINVAL/);
    closeSync(file);
    assert.equal(readdirSync('/proc/self/fd').length, before);
  });
}
