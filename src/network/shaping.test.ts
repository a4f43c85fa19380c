import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { turnLink } from './naming.ts';
import { openNetworks } from './networks.ts';
import { isPairEndpoint } from './pair.ts';
import { openRouteSocket } from './netlink/socket.ts';
import { createMemoryState } from './testing/memory-state.ts';
import { isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks } from './testing/own-network.ts';

if (!isInOwnNetwork()) {
  test('containers are held to rates', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const qdiscs = (link: string): string => execFileSync('tc', ['qdisc', 'show', 'dev', link], { encoding: 'utf8' });
  const openAll = (state = createMemoryState()) =>
    openNetworks({ addon: loadAddon(), prefix: 'orltest', state, logger: createLogger({ level: 'error' }) });

  test('rates hold what comes to a container and what it sends, change, and go with it', async () => {
    const state = createMemoryState();
    await using networks = await openAll(state);
    const addon = loadAddon();
    using socket = openRouteSocket(addon);
    await using namespace = await openTestNamespace(addon);
    const endpoint = await networks.reserve('c1', 'bridge');
    assert.ok(isPairEndpoint(endpoint));
    const turn = turnLink('orltest', endpoint.hostLink);
    await networks.attach(endpoint, namespace.fd);
    networks.shape('c1', { ingressBits: 8_000_000, egressBits: 16_000_000 });
    networks.shape('c1', { ingressBits: 4_000_000, egressBits: 24_000_000 });
    assert.match(qdiscs(endpoint.hostLink), /tbf .*rate 4Mbit/);
    assert.match(qdiscs(turn), /tbf .*rate 24Mbit/);
    const filters = execFileSync('tc', ['filter', 'show', 'dev', endpoint.hostLink, 'ingress'], { encoding: 'utf8' });
    assert.equal(filters.match(/Redirect to device/g)?.length, 1, filters);
    // Another engine leaves it as it is.
    await using next = await openAll(state);
    await next.reconcile(['c1'], []);
    assert.match(qdiscs(turn), /tbf/);
    networks.shape('c1', { ingressBits: 4_000_000 });
    assert.doesNotMatch(qdiscs(endpoint.hostLink), /ingress/);
    assert.equal(socket.link({ name: turn }), null);
    networks.shape('c1', {});
    assert.doesNotMatch(qdiscs(endpoint.hostLink), /tbf/);
    networks.shape('c1', { egressBits: 50_000_000_000 });
    await networks.release('c1');
    await networks.removeAll();
    assert.equal(socket.link({ name: turn }), null);
  });
}
