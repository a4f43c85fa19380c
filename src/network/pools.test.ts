import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { formatSubnet, overlaps, parseAddress, parseCidr, type Subnet } from './addresses.ts';
import { advertisedLinks, outgoingMtu, usedSubnets, type HostFacts } from './host-facts.ts';
import type { Link, Route } from './netlink/replies.ts';
import { chooseSubnet, defaultPool } from './pools.ts';

const subnet = (text: string): Subnet => parseCidr(text)?.subnet ?? { family: 4, base: 0n, prefixLength: 0 };
const link = (index: number, mtu: number): Link => ({
  index,
  name: `l${index}`,
  up: true,
  mtu,
  master: 0,
  parent: 0,
  ipv6: null,
  group: 0,
  kind: '',
  mac: new Uint8Array(6),
});
const route = (destination: string, index: number, metric = 0, table = 254): Route => ({
  destination: subnet(destination),
  table,
  type: 1,
  protocol: 4,
  gateway: null,
  index,
  metric,
});
const facts = (some: Partial<HostFacts>): HostFacts => ({ links: [], addresses: [], routes: [], ...some });

test('the pool is in the usual order and does not overlap itself', () => {
  const pool = defaultPool();
  assert.deepEqual(
    [pool[0], pool[14], pool[15], pool.at(-1)].map((one) => one && formatSubnet(one)),
    ['172.17.0.0/16', '172.31.0.0/16', '192.168.0.0/20', '192.168.240.0/20'],
  );
  assert.ok(pool.every((a, index) => pool.slice(index + 1).every((b) => !overlaps(a, b))));
});

test('the first subnet that overlaps nothing is chosen', () => {
  assert.equal(formatSubnet(chooseSubnet([])), '172.17.0.0/16');
  assert.equal(formatSubnet(chooseSubnet([subnet('172.17.4.0/24'), subnet('172.18.0.1/32')])), '172.19.0.0/16');
  assert.equal(formatSubnet(chooseSubnet([subnet('172.16.0.0/12'), subnet('192.168.1.0/24')])), '192.168.16.0/20');
  const all = [subnet('172.16.0.0/12'), subnet('192.168.0.0/16')];
  assert.throws(
    () => chooseSubnet(all),
    (error) => isOrlopError(error, 'resource-exhausted'),
  );
});

test("what counts as used: routes, addresses and nameservers, but not our own bridge's nor a route for everything", () => {
  const some = facts({
    routes: [route('0.0.0.0/0', 2), route('0.0.0.0/1', 9), route('172.17.0.0/16', 5), route('10.0.0.0/8', 2), route('172.30.0.0/16', 0)],
    addresses: [
      { index: 5, address: { family: 4, value: 0xac110001n }, prefixLength: 16 },
      { index: 2, address: { family: 4, value: 0xc0000202n }, prefixLength: 24 },
    ],
  });
  const server = parseAddress('172.18.0.53');
  assert.ok(server !== null);
  assert.deepEqual(usedSubnets(some, [server], 5).map(formatSubnet), ['10.0.0.0/8', '172.30.0.0/16', '192.0.2.0/24', '172.18.0.53/32']);
  assert.ok(usedSubnets(some, [], undefined).map(formatSubnet).includes('172.17.0.0/16'));
});

test('containers get the MTU of the link of the best default route', () => {
  const links = [link(1, 65536), link(2, 1400), link(3, 9000)];
  const routes = [
    route('0.0.0.0/0', 3, 600),
    route('0.0.0.0/0', 2, 100),
    route('0.0.0.0/0', 1, 0, 1000),
    route('10.0.0.0/8', 3),
    route('::/0', 3),
  ];
  assert.equal(outgoingMtu(facts({ links, routes })), 1400);
  assert.equal(outgoingMtu(facts({ links })), 1500);
  assert.equal(outgoingMtu(facts({ links, routes: [route('0.0.0.0/0', 77)] })), 1500);
});

test('network cards, and whatever has taught the host a route, may go on teaching it; what leads to containers may not', () => {
  const of = (index: number, kind: string): Link => ({ ...link(index, 1500), kind });
  const links = [{ ...of(1, ''), name: 'lo' }, of(2, ''), of(3, 'bridge'), of(4, 'bridge'), of(5, 'veth'), of(6, 'vlan')];
  const routes = [{ ...route('::/0', 3), protocol: 9 }, route('fd00::/64', 4)];
  assert.deepEqual(advertisedLinks({ links, routes }), ['l2', 'l3', 'l6']);
});
