import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { formatAddress } from './addresses.ts';
import { jointLinks, networkGroup, tableName } from './naming.ts';
import { addBridge, addVeth, deleteLink, setLink } from './netlink/requests.ts';
import { openRouteSocket, type RouteSocket } from './netlink/socket.ts';
import { openNetworks } from './networks.ts';
import { createMemoryState, type MemoryState } from './testing/memory-state.ts';
import { isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks, type TestNamespace } from './testing/own-network.ts';
import type { Endpoint, NetworkCalls, Networks } from './types.ts';

const prefix = 'orlfix';

function open(state: MemoryState, addon: NetworkCalls = loadAddon(), portLimit = 2): Promise<Networks> {
  return openNetworks({ addon, prefix, state, portLimit, logger: createLogger({ sink: () => {} }) });
}

function ours(socket: RouteSocket): string[] {
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  const links = socket.links().filter((link) => link.name.startsWith(prefix));
  return [...links.map((link) => link.name), ...(tables.includes(tableName(prefix)) ? [tableName(prefix)] : [])];
}

const netnsOf = (namespace: TestNamespace): string => `/proc/${namespace.pid}/ns/net`;

/** An addon that dies at its nth change of a network, and from then on does nothing any more, as a killed process. */
function dyingAddon(nth: number): NetworkCalls & { readonly died: () => boolean } {
  const addon = loadAddon();
  let left = nth;
  const count = (): void => {
    left -= 1;
    if (left < 0) throw new Error('killed');
  };
  const dying: NetworkCalls = {
    netlinkOpen: (protocol, netns) => addon.netlinkOpen(protocol, netns),
    netlinkSend(socket, message) {
      count();
      addon.netlinkSend(socket, message);
    },
    netlinkReceive: (socket) => addon.netlinkReceive(socket),
    bindInNamespace: (netns, type, address, port) => addon.bindInNamespace(netns, type, address, port),
    holdPort: (protocol, address, port) => addon.holdPort(protocol, address, port),
    serveHeldPort: (descriptor) => addon.serveHeldPort(descriptor),
    setInNamespace(netns, path, value) {
      count();
      addon.setInNamespace(netns, path, value);
    },
    netlinkOpenSetting(protocol, netns, path, value) {
      count();
      return addon.netlinkOpenSetting(protocol, netns, path, value);
    },
    memfd(name, data) {
      count();
      return addon.memfd(name, data);
    },
    close: (descriptor) => addon.close(descriptor),
  };
  return { ...dying, died: () => left < 0 };
}

/** What a container has inside, by interface. */
function inside(namespace: TestNamespace): { readonly addresses: string[]; readonly defaults: string[]; readonly links: string[] } {
  using socket = openRouteSocket(loadAddon(), namespace.fd);
  const names = new Map(socket.links().map((link) => [link.index, link.name]));
  const nameOf = (index: number): string => names.get(index) ?? '';
  const isDefault = (route: { table: number; destination: { prefixLength: number } }): boolean =>
    route.table === 254 && route.destination.prefixLength === 0;
  return {
    links: [...names.values()].filter((name) => name !== 'lo').toSorted(),
    addresses: socket
      .addresses()
      .map((entry) => `${nameOf(entry.index)} ${formatAddress(entry.address)}`)
      .filter((text) => !text.startsWith('lo ') && !text.includes(' fe80:'))
      .toSorted(),
    defaults: socket
      .routes()
      .filter(isDefault)
      .map((route) => `${nameOf(route.index)} ${route.gateway === null ? '-' : formatAddress(route.gateway)}`)
      .toSorted(),
  };
}

/** Kernel, state and what the networks say agree. */
async function checkAll(networks: Networks, state: MemoryState, boxes: ReadonlyMap<string, TestNamespace>): Promise<void> {
  using socket = openRouteSocket(loadAddon());
  const links = socket.links();
  const byName = new Map(links.map((link) => [link.name, link]));
  const endpoints = networks.endpoints();
  assert.equal(state.endpoints.size, endpoints.length);
  assert.deepEqual(
    [...state.networks.keys()].filter((name) => name !== 'bridge').toSorted(),
    networks
      .list()
      .filter(({ isBuiltIn }) => !isBuiltIn)
      .map(({ name }) => name)
      .toSorted(),
  );
  const places = endpoints.flatMap(({ networkId, address, address6 }) =>
    [address, address6].flatMap((text) => (text === undefined ? [] : [`${networkId} ${text}`])),
  );
  assert.equal(new Set(places).size, places.length, 'an address is given twice');
  const wired = endpoints.filter((endpoint) => networks.isAttached(endpoint));
  for (const endpoint of wired) {
    if (endpoint.hostLink === undefined) continue;
    const link = byName.get(endpoint.hostLink);
    assert.deepEqual(
      [link?.master, link?.up],
      [byName.get(endpoint.bridge ?? '')?.index, true],
      `${endpoint.hostLink} is not in its bridge`,
    );
  }
  const pairs = links.map(({ name }) => name).filter((name) => name.startsWith(`${prefix}v`));
  assert.deepEqual(pairs.toSorted(), wired.flatMap(({ hostLink }) => hostLink ?? []).toSorted());
  for (const [id, namespace] of boxes)
    checkInside(
      networks,
      namespace,
      wired.filter(({ containerId }) => containerId === id),
    );
  checkDevices(networks, socket);
}

function checkInside(networks: Networks, namespace: TestNamespace, wired: readonly Endpoint[]): void {
  const seen = inside(namespace);
  assert.deepEqual(seen.links, wired.map(({ link }) => link ?? '').toSorted());
  assert.deepEqual(
    seen.addresses,
    wired
      .flatMap(({ link, address, address6 }) => [address, address6].flatMap((text) => (text === undefined ? [] : [`${link} ${text}`])))
      .toSorted(),
  );
  const order = wired.toSorted((a, b) => (b.wishes.priority ?? 0) - (a.wishes.priority ?? 0) || (a.network < b.network ? -1 : 1));
  const four = order.find(({ gateway }) => gateway !== undefined);
  const six = order.find(({ gateway6 }) => gateway6 !== undefined);
  assert.deepEqual(
    seen.defaults,
    [
      ...(four === undefined ? [] : [`${four.link} ${four.gateway}`]),
      ...(six === undefined ? [] : [`${six.link} ${six.gateway6}`]),
    ].toSorted(),
  );
  assert.ok(wired.every(({ networkId }) => networks.find(networkId) !== undefined));
}

/** Of our group there are the bridges of networks and what joins them, and nothing else; the firewall knows exactly the bridges with subnets. */
function checkDevices(networks: Networks, socket: RouteSocket): void {
  const known = networks.list().flatMap(({ links }) => links.flatMap((link) => [link, ...jointLinks(prefix, link)]));
  const strangers = socket.links().filter((link) => link.group === networkGroup(prefix) && !known.includes(link.name));
  assert.deepEqual(
    strangers.map(({ name }) => name),
    [],
  );
  const listing = execFileSync('nft', ['-j', 'list', 'set', 'inet', tableName(prefix), 'bridges'], { encoding: 'utf8' });
  const set = (JSON.parse(listing) as { nftables: { set?: { elem?: string[] } }[] }).nftables.find((entry) => entry.set !== undefined)?.set;
  const wanted = networks.list().filter(({ driver, pools }) => driver === 'bridge' && pools.length > 0);
  assert.deepEqual(set?.elem?.toSorted() ?? [], wanted.flatMap(({ links }) => links).toSorted());
}

/** Numbers that are the same in every run (mulberry32). */
function createChance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

if (!isInOwnNetwork()) {
  test('networks are put right after a kill and stay right in a random life', { skip: whyNoNetworks() }, () =>
    rerunInOwnNetwork(import.meta.filename),
  );
} else {
  const addon = loadAddon();

  test('an engine killed at any step of making, growing and wiring networks is put right by the next', async (t) => {
    using socket = openRouteSocket(addon);
    // Each run takes a good half second, most of which the kernel needs to take links away: any one run of the test tries some of the steps.
    const stride = process.env['ORLOP_ALL_STEPS'] === undefined ? 6 : 1;
    let steps = Date.now() % stride;
    for (; ; steps += stride) {
      const state = createMemoryState();
      const killed = dyingAddon(steps);
      await using one = await openTestNamespace(addon);
      await using two = await openTestNamespace(addon);
      await using three = await openTestNamespace(addon);
      const networks = await open(state, killed);
      const ids: string[] = [];
      try {
        await networks.create({ name: 'net', ipv6: true });
        for (const [id, namespace] of [
          ['one', one],
          ['two', two],
          ['three', three],
        ] as const) {
          ids.push(id);
          await networks.attach(await networks.reserve(id, 'net'), namespace.fd);
          await networks.attach(await networks.reserve(id, 'bridge', { priority: 5 }), namespace.fd);
        }
        await networks.release('three', 'net');
      } catch (error) {
        if (!killed.died()) throw error;
      }
      const isWhole = !killed.died();
      await using next = await open(state);
      const running = [
        ['one', one],
        ['two', two],
        ['three', three],
      ] as const;
      await next.reconcile(
        ids,
        running.filter(([id]) => ids.includes(id)).map(([containerId, namespace]) => ({ containerId, netns: netnsOf(namespace) })),
      );
      // Nothing of it has to be there, but what is there has to be right.
      if (next.endpoints().length > 0) {
        assert.ok(
          next.endpoints().every((endpoint) => next.isAttached(endpoint)),
          `killed at ${steps}`,
        );
        const boxes = new Map(running.filter(([id]) => !(id === 'three' && isWhole)));
        await checkAll(next, state, boxes);
      }
      for (const id of ids) await next.release(id);
      if (next.list().some(({ name }) => name === 'net')) await next.remove('net');
      await next.removeAll();
      assert.deepEqual(ours(socket), [], `killed at ${steps}`);
      await Promise.resolve(networks[Symbol.asyncDispose]()).catch(() => {});
      if (isWhole) break;
    }
    t.diagnostic(`${steps} steps`);
    assert.ok(steps > 40);
  });

  test('what no record names is removed: bridges, pairs that join them, custom names', async () => {
    using socket = openRouteSocket(addon);
    const group = networkGroup(prefix);
    socket.change(
      addBridge({ name: 'custom7', mtu: 1500, mac: Uint8Array.of(2, 0, 0, 0, 0, 1), group }),
      addVeth({ name: `${prefix}jabcde`, mtu: 1500, group, peer: { name: `${prefix}kabcde` } }),
      addBridge({ name: 'foreign7', mtu: 1500, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }),
    );
    await using networks = await open(createMemoryState());
    await networks.reconcile([]);
    assert.deepEqual(ours(socket), []);
    assert.deepEqual([socket.link({ name: 'custom7' }), socket.link({ name: 'foreign7' })?.kind], [null, 'bridge']);
    socket.change(deleteLink({ name: 'foreign7' }));
  });

  test('a bridge that somebody put into another group is ours again when an engine starts', async () => {
    using socket = openRouteSocket(addon);
    await using networks = await open(createMemoryState());
    const group = (): number | undefined => socket.link({ name: `${prefix}br0` })?.group;
    await networks.reserve('box', 'bridge');
    socket.change(setLink({ name: `${prefix}br0` }, { group: 0 }));
    await networks.reconcile([]);
    assert.equal(group(), networkGroup(prefix));
  });

  test("what a container's root has made of its link is left to it when an engine starts", async () => {
    const state = createMemoryState();
    await using box = await openTestNamespace(addon);
    await using networks = await open(state);
    await networks.create({ name: 'net', driver: 'macvlan' });
    for (const name of ['bridge', 'net']) await networks.attach(await networks.reserve('box', name), box.fd);
    const run = (line: string): string =>
      execFileSync('nsenter', [`--net=/proc/${box.pid}/ns/net`, 'ip', ...line.split(' ')], { encoding: 'utf8' });
    for (const line of [
      'link set eth0 down',
      'address flush dev eth0',
      'link set eth0 name lan0',
      'address add 10.9.9.9/24 dev eth1',
      'link set eth1 down',
    ])
      run(line);
    const before = inside(box);
    await using next = await open(state);
    await next.reconcile(['box'], [{ containerId: 'box', netns: netnsOf(box) }]);
    assert.deepEqual([inside(box), before.links], [before, ['eth1', 'lan0']]);
    assert.ok(next.endpoints().every((endpoint) => next.isAttached(endpoint)));
    await next.removeAll();
  });

  test('endpoints of forty containers live at random, and kernel, state and answers agree all the time', async (t) => {
    const seed = Number(process.env['ORLOP_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`ORLOP_SEED=${seed}`);
    const chance = createChance(seed);
    const state = createMemoryState();
    await using held = new AsyncDisposableStack();
    const boxes = new Map<string, TestNamespace>();
    for (let index = 0; index < 40; index += 1) boxes.set(`box${index}`, held.use(await openTestNamespace(addon)));
    const ids = [...boxes.keys()];
    let networks = await open(state, addon, 7);
    const requests = [{ name: 'a', ipv6: true }, { name: 'b' }, { name: 'c', internal: true }, { name: 'd', ipv4: false, ipv6: true }];
    for (const request of requests) await networks.create(request);
    let extra = 0;
    for (let step = 0; step < 600; step += 1) {
      const id = ids[chance(ids.length)] ?? '';
      const namespace = boxes.get(id);
      assert.ok(namespace !== undefined);
      const own = networks.endpoints(id);
      const some = own[chance(Math.max(1, own.length))];
      switch (chance(8)) {
        case 0:
        case 1:
        case 2: {
          const names = networks.list().filter(({ driver }) => driver === 'bridge');
          const endpoint = await networks.reserve(
            id,
            names[chance(names.length)]?.name ?? 'bridge',
            own.length === 0 ? { priority: chance(3) } : {},
          );
          if (!networks.isAttached(endpoint)) await networks.attach(endpoint, namespace.fd);
          break;
        }
        case 3:
          if (some !== undefined && networks.isAttached(some)) await networks.detach(some, namespace.fd);
          break;
        case 4:
          if (some !== undefined && !networks.isAttached(some)) await networks.attach(some, namespace.fd);
          break;
        case 5:
          if (some === undefined) break;
          if (networks.isAttached(some)) await networks.detach(some, namespace.fd);
          await networks.release(id, some.network);
          break;
        case 6:
          if (chance(4) > 0) break;
          extra += 1;
          await networks.create({ name: `extra${extra}`, ipv6: chance(2) === 0 });
          break;
        default: {
          if (chance(6) > 0) break;
          const idle = networks
            .list()
            .filter(({ name }) => name.startsWith('extra') && networks.endpoints().every(({ network }) => network !== name));
          if (idle[0] !== undefined) await networks.remove(idle[0].id);
          // The engine ends without a word, and the next takes over: it wires what has a place.
          if (chance(3) > 0) break;
          networks = await open(state, addon, 7);
          await networks.reconcile(
            ids,
            [...boxes].map(([containerId, box]) => ({ containerId, netns: netnsOf(box) })),
          );
        }
      }
      if (step % 25 === 0 || step > 590) await checkAll(networks, state, boxes);
    }
    for (const id of ids) await networks.release(id);
    for (const { name, isBuiltIn } of networks.list()) if (!isBuiltIn) await networks.remove(name);
    await networks.removeAll();
    await networks[Symbol.asyncDispose]();
    using socket = openRouteSocket(addon);
    assert.deepEqual([ours(socket), [...state.endpoints]], [[], []]);
  });
}
