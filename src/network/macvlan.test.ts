import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { loadAddon } from '#sys';
import { addAddress, addBridge, addVeth, deleteLink, setLink } from './netlink/requests.ts';
import { openRouteSocket } from './netlink/socket.ts';
import { arrives, connect, openBox, openUserNetworks, refuses, traces } from './testing/boxes.ts';
import { ip, isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks, type TestNamespace } from './testing/own-network.ts';
import { openSpeaker } from './testing/traffic.ts';
import type { NetworkRequest, Networks } from './types.ts';

/** A link of the host, as a network card is one, and who is at the other end of its cable: 192.0.2.1 and fd77::1. */
async function openWire(name: string): Promise<TestNamespace> {
  const addon = loadAddon();
  const wire = await openTestNamespace(addon);
  using host = openRouteSocket(addon);
  host.change(addVeth({ name, mtu: 1400, peer: { name: 'eth0', netnsFd: wire.fd } }), setLink({ name }, { up: true }));
  using far = openRouteSocket(addon, wire.fd);
  const end = far.link({ name: 'eth0' })?.index ?? 0;
  far.change(setLink({ index: end }, { up: true }), addAddress(end, ip('192.0.2.1'), 24), addAddress(end, ip('fd77::1'), 64));
  return {
    ...wire,
    async [Symbol.asyncDispose]() {
      using again = openRouteSocket(addon);
      again.change(deleteLink({ name }));
      await wire[Symbol.asyncDispose]();
    },
  };
}

/** false, with a reason, when this kernel does not have such links: it says so before anything is made. */
async function createOrSkip(
  networks: Networks,
  request: NetworkRequest,
  t: { diagnostic(text: string): void; skip(text: string): void },
): Promise<boolean> {
  try {
    await networks.create(request);
    return true;
  } catch (error) {
    assert.ok(isOrlopError(error, 'failed-precondition') && /the kernel has no/.test(error.message), String(error));
    assert.deepEqual([traces(), networks.list().length], [[], 3]);
    t.skip(error.message);
    return false;
  }
}

if (!isInOwnNetwork()) {
  test('containers share wires in a network of their own', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();

  test('macvlan: containers are on the wire of the parent, by a link that is theirs', async () => {
    await using networks = await openUserNetworks();
    await using wire = await openWire('lan0');
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
    using host = openRouteSocket(addon);
    assert.notEqual(host.link({ name: 'lan0' }), null);
  });

  for (const layer of ['l2', 'l3', 'l3s']) {
    test(`ipvlan of layer ${layer}: containers are on the wire of the parent with its hardware address`, async (t) => {
      await using networks = await openUserNetworks();
      await using wire = await openWire('lan0');
      const options = { parent: 'lan0', ipvlan_mode: layer };
      const pools = [
        { subnet: '192.0.2.0/24', gateway: '192.0.2.1' },
        { subnet: 'fd77::/64', gateway: 'fd77::1' },
      ];
      if (!(await createOrSkip(networks, { name: 'lan', driver: 'ipvlan', ipv6: true, options, pools }, t))) return;
      await using one = await openBox('one');
      await using two = await openBox('two');
      const [a, b] = [await connect(networks, one, 'lan'), await connect(networks, two, 'lan')];
      assert.deepEqual([a.mac, one.addresses()], [undefined, ['eth0 192.0.2.2/24', 'eth0 fd77::2/64']]);
      assert.deepEqual(one.defaults(), layer === 'l2' ? ['4 eth0 192.0.2.1', '6 eth0 fd77::1'] : ['4 eth0 -', '6 eth0 -']);
      await arrives(one, two, b.address);
      if (layer === 'l2') {
        await arrives(one, { ...two, fd: wire.fd }, '192.0.2.1');
        await arrives(one, { ...two, fd: wire.fd }, 'fd77::1');
      }
      await networks.detach(a, one.fd);
      assert.deepEqual([one.addresses(), one.defaults()], [[], []]);
      await networks.removeAll();
      assert.deepEqual(traces(), []);
    });
  }

  test('a VLAN of a link of the host is made for the network and goes with it, one that was there stays', async (t) => {
    await using networks = await openUserNetworks();
    await using wire = await openWire('lan0');
    assert.ok(wire.fd >= 0);
    const request = (name: string, parent: string): NetworkRequest => ({ name, driver: 'macvlan', options: { parent } });
    if (!(await createOrSkip(networks, request('fifty', 'lan0.50'), t))) return;
    using host = openRouteSocket(addon);
    assert.deepEqual([host.link({ name: 'lan0.50' })?.kind, host.link({ name: 'lan0.50' })?.up], ['vlan', true]);
    await using one = await openBox('one');
    await using two = await openBox('two');
    await connect(networks, one, 'fifty');
    await arrives(one, two, (await connect(networks, two, 'fifty')).address);
    for (const id of ['one', 'two']) await networks.release(id);
    await networks.remove('fifty');
    assert.equal(host.link({ name: 'lan0.50' }), null);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a parent that is the loopback, a port of a bridge or nothing at all is refused before anything is made', async () => {
    await using networks = await openUserNetworks();
    await using wire = await openWire('lan0');
    const request = (parent: string): NetworkRequest => ({ name: 'x', driver: 'macvlan', options: { parent } });
    using host = openRouteSocket(addon);
    host.change(addBridge({ name: 'plain0', mtu: 1400, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) }));
    host.change(setLink({ name: 'lan0' }, { master: host.link({ name: 'plain0' })?.index ?? 0 }));
    await assert.rejects(networks.create(request('lan0')), refuses('failed-precondition', /lan0 cannot be shared/));
    await assert.rejects(networks.create(request('lo')), refuses('invalid-argument', /loopback/));
    await assert.rejects(networks.create(request('lan0.5000')), refuses('not-found', /lan0\.5000/));
    assert.ok(wire.fd >= 0);
    host.change(deleteLink({ name: 'plain0' }));
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });
}
