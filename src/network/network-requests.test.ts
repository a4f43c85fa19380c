import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorKind } from '#errors';
import { loadAddon } from '#sys';
import { openRouteSocket } from './netlink/socket.ts';
import { connect, openBox, openUserNetworks, refuses, traces } from './testing/boxes.ts';
import { createMemoryState } from './testing/memory-state.ts';
import { isInOwnNetwork, openOutside, rerunInOwnNetwork, whyNoNetworks } from './testing/own-network.ts';
import type { NetworkRequest } from './types.ts';

if (!isInOwnNetwork()) {
  test('requests for networks are checked in a network of their own', { skip: whyNoNetworks() }, () =>
    rerunInOwnNetwork(import.meta.filename),
  );
} else {
  const addon = loadAddon();
  const outside = await openOutside(addon, 1400);
  test.after(() => outside[Symbol.asyncDispose]());

  test('a request that cannot be is refused with words that clients know, and leaves nothing', async () => {
    await using networks = await openUserNetworks();
    await networks.create({ name: 'there', pools: [{ subnet: '10.50.0.0/16' }] });
    const before = traces();
    const cases: readonly [request: NetworkRequest, kind: ErrorKind, words: RegExp][] = [
      [{ name: 'there' }, 'conflict', /^network with name there already exists$/],
      [{ name: 'bridge' }, 'permission-denied', /^operation is not permitted on predefined bridge network$/],
      [{ name: ' a' }, 'invalid-argument', / a/],
      [{ name: 'a/b' }, 'invalid-argument', /a\/b/],
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
      [{ name: 'x', options: { 'com.docker.network.bridge.trust': 'eth0' } }, 'unimplemented', /bridge\.trust/],
      [{ name: 'x', options: { 'com.docker.network.bridge.gateway_mode_ipv4': 'straight' } }, 'invalid-argument', /gateway_mode_ipv4/],
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

  test('a configuration has nothing of the host, gives no places, and stays as long as networks are made from it', async () => {
    const state = createMemoryState();
    await using networks = await openUserNetworks(state);
    const before = traces();
    const pools = [{ subnet: '10.70.0.0/16', gateway: '10.70.0.9', range: '10.70.5.0/24' }];
    const options = { 'com.docker.network.driver.mtu': '1300' };
    const labels = { mine: 'yes', 'orlop.lease': 'of the configuration' };
    const { network: kept } = await networks.create({ name: 'kept', driver: 'whatever', configOnly: true, pools, options, labels });
    await networks.create({ name: 'twin', configOnly: true, pools });
    assert.deepEqual([kept.driver, kept.pools, kept.unusedPools, kept.links], ['none', [], pools, []]);
    assert.deepEqual(traces(), before);
    await assert.rejects(
      networks.reserve('box', 'kept'),
      refuses('permission-denied', /^cannot create endpoint on configuration-only network$/),
    );

    const { network } = await networks.create({ name: 'made', configFrom: 'kept', internal: true });
    assert.deepEqual([network.configFrom, network.driver, network.internal], ['kept', 'bridge', true]);
    assert.deepEqual([network.pools, network.options, network.labels, network.mtu], [pools, options, { mine: 'yes' }, 1300]);
    assert.equal((await networks.reserve('box', 'made')).address, '10.70.5.0');
    await networks.release('box');
    await assert.rejects(networks.create({ name: 'again', configFrom: 'kept' }), refuses('conflict', /Pool overlaps/));

    await using later = await openUserNetworks(state);
    await assert.rejects(
      later.remove('kept'),
      refuses('conflict', /^error while removing network: configuration network "kept" is in use$/),
    );
    await later.remove('made');
    await later.remove('kept');
    await later.remove('twin');
    await later.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('what a configuration is asked for that it cannot be, or besides it, is refused with words that clients know', async () => {
    await using networks = await openUserNetworks();
    await networks.create({ name: 'kept', configOnly: true });
    const own = /^user specified configurations are not supported if the network depends on a configuration network$/;
    const cases: readonly [request: NetworkRequest, kind: ErrorKind, words: RegExp][] = [
      [{ name: 'kept', configOnly: true }, 'conflict', /already exists/],
      [
        { name: 'x', configOnly: true, internal: true },
        'permission-denied',
        /^configuration network can only contain network specific fields/,
      ],
      [
        { name: 'x', configOnly: true, attachable: true },
        'permission-denied',
        /^configuration network can only contain network specific fields/,
      ],
      [{ name: 'x', configOnly: true, configFrom: 'kept' }, 'permission-denied', /^a configuration network cannot depend on another/],
      [{ name: 'x', configOnly: true, pools: [{ subnet: '10.0.0.5/24' }] }, 'invalid-argument', /10\.0\.0\.0\/24/],
      [{ name: 'x', configFrom: 'nothing' }, 'not-found', /^configuration network "nothing" does not exist$/],
      [{ name: 'x', configFrom: 'bridge' }, 'not-found', /^configuration network "bridge" does not exist$/],
      [{ name: 'x', configFrom: 'kept', pools: [{ subnet: '10.9.0.0/16' }] }, 'permission-denied', own],
      [{ name: 'x', configFrom: 'kept', ipv6: true }, 'permission-denied', own],
      [{ name: 'x', configFrom: 'kept', ipv4: false }, 'permission-denied', own],
      [{ name: 'x', configFrom: 'kept', options: { a: 'b' } }, 'permission-denied', /^network driver options are not supported/],
    ];
    for (const [request, kind, words] of cases)
      await assert.rejects(networks.create(request), refuses(kind, words), JSON.stringify(request));
    await networks.remove('kept');
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('options: the name of the bridge, the MTU, the names of interfaces; what nobody knows is kept and said', async () => {
    await using networks = await openUserNetworks();
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

  test('networks that are made, used and removed at the same moment are whole or gone', async () => {
    await using networks = await openUserNetworks();
    for (let round = 0; round < 5; round += 1) {
      await networks.create({ name: 'contested' });
      const id = networks.find('contested').id;
      const results = await Promise.allSettled([
        networks.reserve('one', 'contested'),
        networks.remove('contested'),
        networks.create({ name: 'contested' }),
        networks.reserve('two', 'contested'),
        networks.create({ name: `other${round}` }),
      ]);
      const kinds = results.map((result) => (result.status === 'rejected' ? (result.reason as { kind?: string }).kind : 'done'));
      const left = networks.list().filter(({ name }) => name === 'contested');
      assert.equal(left.length, 1, kinds.join());
      assert.ok(
        networks.endpoints().every(({ networkId }) => networkId === left[0]?.id),
        `${id} ${kinds.join()}`,
      );
      assert.equal(
        new Set(networks.list().flatMap(({ pools }) => pools.map(({ subnet }) => subnet))).size,
        networks.list().flatMap(({ pools }) => pools).length,
      );
      for (const container of ['one', 'two']) await networks.release(container);
      await networks.remove('contested');
    }
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a network whose bridges are all full says so', async () => {
    await using networks = await openUserNetworks(createMemoryState(), 1);
    await networks.create({ name: 'full' });
    for (let index = 0; index < 24; index += 1) await networks.reserve(`box${index}`, 'full');
    await assert.rejects(networks.reserve('one too many', 'full'), refuses('resource-exhausted', /network full has 24 bridges/));
    assert.equal(networks.endpoints().length, 24);
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });
}
