import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { openRouteSocket } from './netlink/socket.ts';
import { openNetworks } from './networks.ts';
import { createMemoryState } from './testing/memory-state.ts';
import { isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks } from './testing/own-network.ts';
import { openSpeaker } from './testing/traffic.ts';
import type { Endpoint } from './types.ts';

const count = 1_200;
/** Namespaces take seconds to make and to end; one is enough for many interfaces that are there to take ports. */
const places = 24;

if (!isInOwnNetwork()) {
  test('one network takes more containers than a bridge has ports', { skip: whyNoNetworks() }, () =>
    rerunInOwnNetwork(import.meta.filename),
  );
} else {
  test(`${count} containers in one network, the last reaches the first`, async () => {
    const addon = loadAddon();
    await using networks = await openNetworks({
      addon,
      prefix: 'orlcrowd',
      state: createMemoryState(),
      logger: createLogger({ sink: () => {} }),
    });
    await networks.create({ name: 'city' });
    await using held = new AsyncDisposableStack();
    const crowd = [];
    for (let index = 0; index < places; index += 1) crowd.push(held.use(await openTestNamespace(addon)));
    const first = held.use(await openTestNamespace(addon));
    const last = held.use(await openTestNamespace(addon));
    const endpoints: Endpoint[] = [];
    for (let index = 0; index < count; index += 1) {
      const home = index === 0 ? first : index === count - 1 ? last : crowd[index % places];
      const wanted = home === first || home === last ? {} : { link: `eth${Math.floor(index / places)}` };
      const endpoint = await networks.reserve(`box${index}`, 'city', wanted);
      await networks.attach(endpoint, home?.fd ?? -1);
      endpoints.push(endpoint);
    }
    const [one, other] = [endpoints[0], endpoints.at(-1)];
    assert.ok(one !== undefined && other !== undefined && one.bridge !== other.bridge);
    assert.equal(new Set(endpoints.map(({ address }) => address)).size, count);
    using socket = openRouteSocket(addon);
    const masters = Map.groupBy(
      socket.links().filter(({ name }) => name.startsWith('orlcrowdv')),
      ({ master }) => master,
    );
    assert.deepEqual(
      [...masters.values()].map(({ length }) => length).toSorted((a, b) => a - b),
      [200, 1_000],
    );
    await using speaker = openSpeaker(addon, last, '0.0.0.0', 1000);
    await using listener = openSpeaker(addon, first, '0.0.0.0', 1000);
    const again = setInterval(() => speaker.send('from afar', one.address ?? '', 1000), 100);
    assert.equal((await listener.receive()).from, other.address);
    clearInterval(again);
    await networks.removeAll();
    assert.deepEqual(
      socket.links().filter(({ name }) => name.startsWith('orlcrowd')),
      [],
    );
  });
}
