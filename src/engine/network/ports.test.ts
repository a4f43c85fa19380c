import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Endpoint, NetworkRecord } from '#network';
import { recordWith, requestWith } from '../fixtures/records.ts';
import type { PortChange, PortSelection, PortWish, PublishedPort } from '../model.ts';
import { gatewayOf } from './gateway.ts';
import { planPortChange, portWishesOf } from './ports.ts';
import { planRelays } from './relays.ts';

const wish = (containerPort: number, host?: number, more: Partial<PortWish> = {}): PortWish => ({
  containerPort,
  protocol: 'tcp',
  ...(host === undefined ? {} : { hostPort: { first: host, last: host } }),
  ...more,
});
const published = (containerPort: number, hostPort: number, hostAddress = '0.0.0.0'): PublishedPort => ({
  containerPort,
  protocol: 'tcp',
  hostAddress,
  hostPort,
});

test('all exposed ports are wished for when all are to be published, but those that were named', () => {
  const record = recordWith({
    request: requestWith({ ports: [wish(80, 8080)], publishAll: true }),
    exposedPorts: ['80/tcp', '80/udp', '443/tcp'],
  });
  assert.deepEqual(portWishesOf(record), [wish(80, 8080), wish(80, undefined, { protocol: 'udp' }), wish(443)]);
  assert.deepEqual(portWishesOf({ ...record, request: requestWith({ ports: [wish(80, 8080)] }) }), [wish(80, 8080)]);
  assert.deepEqual(portWishesOf({ ...record, network: 'none' }), []);
});

describe('a change of ports', () => {
  const both = [published(80, 8080), published(80, 8080, '::')];
  const record = recordWith({ request: requestWith({ ports: [wish(80, 8080), wish(81)] }), ports: [...both, published(81, 33_000)] });
  const change = (remove: PortSelection[], add: PortWish[] = [], from = record) => {
    const { request, kept } = planPortChange(from, { add, remove } satisfies PortChange);
    return { wishes: request.ports, kept };
  };

  test('adds wishes to those that there are', () => {
    assert.deepEqual(change([], [wish(82, 8082)]), { wishes: [wish(80, 8080), wish(81), wish(82, 8082)], kept: record.ports });
  });

  test('gives up a port on all its addresses, and the wish that it came of', () => {
    assert.deepEqual(change([{ hostPort: 8080, protocol: 'tcp' }]), { wishes: [wish(81)], kept: [published(81, 33_000)] });
  });

  test('gives up a port that was chosen for a wish', () => {
    assert.deepEqual(change([{ hostPort: 33_000, protocol: 'tcp' }]), { wishes: [wish(80, 8080)], kept: both });
  });

  test('of a container that does not run changes its wishes', () => {
    const stopped = { ...record, ports: [] };
    assert.deepEqual(change([{ hostPort: 8080, protocol: 'tcp' }], [], stopped), { wishes: [wish(81)], kept: [] });
    assert.throws(() => change([{ hostPort: 33_000, protocol: 'tcp' }], [], stopped), { kind: 'not-found' });
  });

  test('fails whole when one port is not published', () => {
    assert.throws(
      () =>
        change([
          { hostPort: 8080, protocol: 'tcp' },
          { hostPort: 9, protocol: 'tcp' },
        ]),
      {
        kind: 'not-found',
        message: 'container web publishes no port 9/tcp',
      },
    );
    assert.throws(() => change([{ hostPort: 8080, protocol: 'udp' }]), { kind: 'not-found' });
    assert.throws(() => change([{ hostPort: 8080, protocol: 'tcp', hostAddress: '127.0.0.1' }]), { kind: 'not-found' });
  });

  test('cannot take one port from a container that publishes all', () => {
    const all = recordWith({ request: requestWith({ publishAll: true }), ports: both });
    assert.throws(() => change([{ hostPort: 8080, protocol: 'tcp' }], [], all), {
      kind: 'failed-precondition',
      message: /all its exposed ports/,
    });
  });

  test('is nothing for a container without a way in', () => {
    for (const network of ['host', 'none', 'container:c0ffee'])
      assert.throws(() => change([], [wish(80)], recordWith({ network })), { code: 'ENGINE_NO_WAY_IN' });
  });
});

describe('the way in', () => {
  const place = (network: string, priority?: number, driver: Endpoint['driver'] = 'bridge'): Endpoint => ({
    id: network,
    containerId: 'c',
    network,
    networkId: network,
    driver,
    names: [],
    wishes: priority === undefined ? {} : { priority },
  });
  const find = (ref: string): NetworkRecord => ({ internal: ref.startsWith('internal') }) as NetworkRecord;
  const cases: readonly [what: string, places: readonly Endpoint[], way: string | null][] = [
    ['is the first by name', [place('b'), place('a')], 'a'],
    ['is the one with the highest priority', [place('a'), place('b', 1), place('c', -1)], 'b'],
    ['is no internal network', [place('internal', 9), place('z')], 'z'],
    ['is none of the closed ones', [place('none', 0, 'none')], null],
    ['is not there beside a default route over macvlan', [place('a', 1, 'macvlan'), place('b')], null],
    ['is not there without a network', [], null],
  ];
  for (const [what, places, way] of cases) {
    test(what, () =>
      assert.equal(gatewayOf({ networks: { find } } as unknown as Parameters<typeof gatewayOf>[0], places)?.id ?? null, way),
    );
  }
});

test('what comes by IPv6 to a container without it is carried, by as many as it takes, each known by what it carries', () => {
  const ports = [published(80, 8080), published(80, 8080, '::'), { ...published(53, 53, '::'), protocol: 'sctp' } as const];
  const [relay, ...others] = planRelays(ports, { address: '172.17.0.2' });
  assert.deepEqual([relay?.ports, others], [[published(80, 8080, '::')], []]);
  assert.notEqual(planRelays(ports, { address: '172.17.0.3' })[0]?.name, relay?.name);
  assert.deepEqual(planRelays(ports, { address: '172.17.0.2', address6: 'fd00::2' }), []);
  assert.deepEqual(planRelays(ports, null), []);
  const many = Array.from({ length: 65 }, (_, at) => published(80, 1_000 + at, '::'));
  assert.deepEqual(
    planRelays(many, { address: '172.17.0.2' }).map((one) => one.ports.length),
    [64, 1],
  );
});
