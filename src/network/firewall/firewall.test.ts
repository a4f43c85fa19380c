import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { parseCidr, subnetOf } from '../addresses.ts';
import { plainNetwork } from '../testing/firewalled.ts';
import { ip, isInOwnNetwork, rerunInOwnNetwork, testGroup, whyNoNetworks } from '../testing/own-network.ts';
import { openFirewall } from './firewall.ts';
import { planForwardEntries, type Forward } from './forwards.ts';
import type { FirewalledNetwork } from './ruleset.ts';
import { planSetChanges } from './sets.ts';

const table = 'orlop-t';
const networks = [plainNetwork({ links: ['abr0'], subnets: [subnetOf(ip('172.17.0.0'), 16), subnetOf(ip('fd00:1::'), 64)] })];

function forward(hostPort: number, change: Partial<Forward> = {}): Forward {
  return { protocol: 'tcp', hostAddress: null, hostPort, target: ip('172.17.0.2'), targetPort: 80, ...change };
}

const v6 = { target: ip('fd00:1::2') };
const everyKind: Forward[] = [
  forward(8080),
  forward(8081, { protocol: 'udp', hostAddress: ip('127.0.0.1'), targetPort: 53 }),
  forward(65535, { protocol: 'sctp', hostAddress: ip('198.51.100.2'), targetPort: 1 }),
  forward(8080, v6),
  forward(256, { ...v6, protocol: 'udp', hostAddress: ip('2001:db8::ff:0'), targetPort: 65535 }),
  forward(0, { targetPort: 443 }),
  forward(0, { ...v6, protocol: 'sctp' }),
];

test('only what differs is changed, and a port that leads elsewhere is removed before it is added', () => {
  const changes = (before: readonly Forward[], after: readonly Forward[]) =>
    planSetChanges(planForwardEntries(before), planForwardEntries(after)).map(({ set, removed, added }) => ({
      set,
      removed: removed.map((entry) => entry.forward),
      added: added.map((entry) => entry.forward),
    }));
  assert.deepEqual(changes(everyKind, everyKind), []);
  const moved = forward(8080, { target: ip('172.17.0.9') });
  assert.deepEqual(changes(everyKind, [...everyKind.slice(1), moved]), [{ set: 'everywhere4', removed: [everyKind[0]], added: [moved] }]);
  const counts = changes([], everyKind).map(({ set, added }) => [set, added.length]);
  assert.deepEqual(Object.fromEntries(counts), { ports4: 2, ports6: 1, everywhere4: 1, everywhere6: 1, opened4: 1, opened6: 1 });
});

if (!isInOwnNetwork()) {
  test('the table follows what is asked for', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const logger = createLogger({ sink: () => {} });
  const nft = (...words: string[]): string => execFileSync('nft', words, { encoding: 'utf8' });
  /** What nft, which wrote none of it, reads in the port maps: one line an element. */
  const held = (): string[] => [...maps('ports4', 'ports6', 'everywhere4', 'everywhere6'), ...openedPorts('opened4', 'opened6')];
  const maps = (...names: string[]): string[] =>
    names.flatMap((map) => {
      const { nftables } = JSON.parse(nft('-j', 'list', 'map', 'inet', table, map)) as { nftables: { map?: { elem?: Element[] } }[] };
      const elements = nftables.flatMap((entry) => entry.map?.elem ?? []);
      return elements.map(([key, value]) => `${map} ${key.concat.join(' ')} -> ${value.concat.join(' ')}`).toSorted();
    });
  const openedPorts = (...names: string[]): string[] =>
    names.flatMap((set) => {
      const { nftables } = JSON.parse(nft('-j', 'list', 'set', 'inet', table, set)) as { nftables: { set?: { elem?: Element[0][] } }[] };
      return nftables.flatMap((entry) => entry.set?.elem ?? []).map((key) => `${set} ${key.concat.join(' ')}`);
    });
  /** Another one when the table was made anew. */
  const tableHandle = (): string => /handle \d+/.exec(nft('-a', 'list', 'table', 'inet', table))?.[0] ?? assert.fail('no handle');
  type Element = [{ concat: unknown[] }, { concat: unknown[] }];

  test('elements written over netlink are what nft reads, and go one by one', async () => {
    using firewall = openFirewall({ addon, logger, table, linkGroup: testGroup });
    await firewall.apply(networks);
    const handle = tableHandle();
    await firewall.forward('box', everyKind);
    assert.deepEqual(held(), [
      'ports4 127.0.0.1 udp 8081 -> 172.17.0.2 53',
      'ports4 198.51.100.2 sctp 65535 -> 172.17.0.2 1',
      'ports6 2001:db8::ff:0 udp 256 -> fd00:1::2 65535',
      'everywhere4 tcp 8080 -> 172.17.0.2 80',
      'everywhere6 tcp 8080 -> fd00:1::2 80',
      'opened4 172.17.0.2 tcp 443',
      'opened6 fd00:1::2 sctp 80',
    ]);
    await firewall.forward('box', everyKind.slice(0, 1));
    assert.deepEqual(held(), ['everywhere4 tcp 8080 -> 172.17.0.2 80']);
    await firewall.forward('box', [forward(8080, { target: ip('172.17.0.9') })]);
    assert.deepEqual(held(), ['everywhere4 tcp 8080 -> 172.17.0.9 80']);
    await firewall.forward('box', []);
    assert.deepEqual(held(), []);
    assert.equal(tableHandle(), handle);
    await firewall.remove();
  });

  test('the table that nft is given from the start holds the same', async () => {
    using firewall = openFirewall({ addon, logger, table, linkGroup: testGroup });
    await firewall.forward('box', everyKind);
    await firewall.apply(networks);
    const whole = held();
    await firewall.forward('box', []);
    await firewall.forward('box', everyKind);
    assert.deepEqual(held(), whole);
    assert.equal(whole.length, everyKind.length);
    await firewall.remove();
  });

  test('networks that come and go change elements, and the sets are those of a table made for them at once', async () => {
    // Neighbours, the last addresses there are, and networks of both families, internal, isolated, with several bridges.
    const possible: FirewalledNetwork[] = [
      '10.0.0.0/24',
      '10.0.1.0/24',
      '10.0.2.0/23',
      '255.255.255.0/24',
      'fd00::/64',
      'fd00:0:0:1::/64',
    ].map((text, index) => {
      const subnet = parseCidr(text)?.subnet ?? assert.fail();
      return plainNetwork({
        links: Array.from({ length: 1 + (index % 3) }, (_, link) => `abr${index}x${link}`),
        subnets: index === 2 ? [subnet, subnetOf(ip('fd00:2::'), 64)] : [subnet],
        internal: index === 1,
        interContainer: index !== 3,
        masquerade: { ipv4: index !== 0, ipv6: true },
        gatewayMode: { ipv4: (['nat', 'routed', 'nat-unprotected'] as const)[index % 3] ?? 'nat', ipv6: 'routed' },
        trustedLinks: index % 2 === 0 ? ['up0', 'up1'] : [],
      });
    });
    using firewall = openFirewall({ addon, logger, table, linkGroup: testGroup });
    using whole = openFirewall({ addon, logger, table: 'orlop-u', linkGroup: testGroup });
    const sets = (name: string): string =>
      nft('list', 'table', 'inet', name)
        .replaceAll(/elements = \{([^}]*)\}/g, (_, words: string) =>
          words
            .split(',')
            .map((word) => word.trim())
            .toSorted()
            .join(),
        )
        .replace(/^table.*$/m, '');
    await firewall.apply([]);
    await firewall.forward('box', everyKind);
    await whole.forward('box', everyKind);
    const handle = tableHandle();
    const some = fc
      .tuple(fc.subarray(possible), fc.boolean())
      .map(([chosen, hidden]) => chosen.map((one) => ({ ...one, internal: one.internal || hidden })));
    await fc.assert(
      fc.asyncProperty(some, async (chosen) => {
        await firewall.change(chosen);
        await whole.apply(chosen);
        assert.equal(sets(table), sets('orlop-u'));
      }),
      { numRuns: 30 },
    );
    assert.equal(tableHandle(), handle, 'one table all the time');
    await firewall.change([]);
    nft('flush', 'ruleset');
    await firewall.change(possible);
    await whole.apply(possible);
    assert.equal(sets(table), sets('orlop-u'));
    await firewall.remove();
    await whole.remove();
  });

  test('what was flushed or changed by somebody is made again with all that there was', async () => {
    using firewall = openFirewall({ addon, logger, table, linkGroup: testGroup });
    await firewall.apply(networks);
    await firewall.forward('first', [forward(1)]);
    nft('flush', 'ruleset');
    await firewall.forward('second', [forward(2)]);
    assert.deepEqual(held(), ['everywhere4 tcp 1 -> 172.17.0.2 80', 'everywhere4 tcp 2 -> 172.17.0.2 80']);
    nft('add', 'element', 'inet', table, 'everywhere4', '{ tcp . 3 : 10.0.0.1 . 1 }');
    nft('flush', 'map', 'inet', table, 'everywhere6');
    await firewall.forward('third', [forward(3)]);
    assert.deepEqual(held().at(-1), 'everywhere4 tcp 3 -> 172.17.0.2 80');
    await firewall.remove();
    await firewall.remove();
    assert.equal(nft('list', 'ruleset'), '');
  });

  test('changes that come together follow each other, and thousands at once are as good as one', async () => {
    using firewall = openFirewall({ addon, logger, table, linkGroup: testGroup });
    const many = (target: string): Forward[] =>
      Array.from({ length: 5_000 }, (_, index) => forward(10_000 + index, { target: ip(target) }));
    await Promise.all([
      firewall.apply(networks),
      firewall.forward('many', many('172.17.0.2')),
      firewall.forward('few', [forward(1)]),
      firewall.apply(networks),
      firewall.forward(
        'some',
        many('172.17.0.3')
          .map((one) => ({ ...one, hostPort: one.hostPort + 10_000 }))
          .slice(0, 1_400),
      ),
    ]);
    assert.equal(held().length, 6_401);
    await firewall.forward('many', many('172.17.0.4'));
    assert.equal(held().filter((line) => line.endsWith('172.17.0.4 80')).length, 5_000);
    await firewall.forward('many', []);
    await firewall.forward('some', []);
    assert.deepEqual(held(), ['everywhere4 tcp 1 -> 172.17.0.2 80']);
    await firewall.remove();
  });
}
