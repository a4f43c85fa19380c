import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createJsonReader } from '#api/http';
import { isOrlopError } from '#errors';
import type { NetworkView } from '#wire';
import { decodeNetworkCreate } from './decode-create.ts';
import { decodeEndpoint } from './decode-endpoint.ts';
import { networkOf } from './view.ts';

const decode = (body: object, apiVersion = '1.51') => decodeNetworkCreate(createJsonReader(body, 'body'), apiVersion);

describe('a request for a network', () => {
  test('of a name alone leaves the rest to be chosen', () => {
    assert.deepEqual(decode({ Name: 'mine', CheckDuplicate: true, Driver: 'default', IPAM: null, Options: null, Labels: null }), {
      name: 'mine',
      labels: {},
      options: {},
      internal: false,
      attachable: false,
    });
  });

  test('carries all that there is to ask', () => {
    const Config = [
      { Subnet: '10.0.0.0/8', IPRange: '10.1.0.0/16', Gateway: '10.0.0.1', AuxiliaryAddresses: { a: '10.0.0.2' } },
      { Subnet: 'fd00::/64' },
    ];
    assert.deepEqual(
      decode({
        Name: 'mine',
        Driver: 'macvlan',
        Internal: true,
        Attachable: true,
        EnableIPv4: false,
        EnableIPv6: true,
        IPAM: { Driver: 'default', Options: {}, Config },
        Options: { parent: 'eth0' },
        Labels: { a: 'b' },
      }),
      {
        name: 'mine',
        driver: 'macvlan',
        internal: true,
        attachable: true,
        ipv4: false,
        ipv6: true,
        pools: [{ subnet: '10.0.0.0/8', range: '10.1.0.0/16', gateway: '10.0.0.1', auxiliary: { a: '10.0.0.2' } }, { subnet: 'fd00::/64' }],
        options: { parent: 'eth0' },
        labels: { a: 'b' },
      },
    );
  });

  test('has IPv4 for clients that know of no network without it', () => {
    const body = { Name: 'x', EnableIPv4: false };
    assert.deepEqual([decode(body).ipv4, decode(body, '1.46').ipv4], [false, undefined]);
  });

  test('may be a configuration, or be made from one', () => {
    const rest = { labels: {}, options: {}, internal: false, attachable: false };
    assert.deepEqual(decode({ Name: 'a', ConfigOnly: true }), { name: 'a', ...rest, configOnly: true });
    assert.deepEqual(decode({ Name: 'a', ConfigOnly: false, ConfigFrom: { Network: 'b' } }), { name: 'a', ...rest, configFrom: 'b' });
    assert.deepEqual(decode({ Name: 'a', ConfigFrom: { Network: '' } }), { name: 'a', ...rest });
  });

  const refused: readonly [body: object, kind: string, message: RegExp][] = [
    [{}, 'invalid-argument', /network name cannot be blank/],
    [{ Name: 'a', Ingress: true }, 'unimplemented', /Ingress/],
    [
      { Name: 'a', ConfigFrom: { Network: 'b' }, Labels: { c: 'd' } },
      'permission-denied',
      /user specified configurations are not supported/,
    ],
    [{ Name: 'a', Scope: 'swarm' }, 'unimplemented', /Scope/],
    [{ Name: 'a', IPAM: { Driver: 'dhcp' } }, 'unimplemented', /IPAM\.Driver/],
    [{ Name: 'a', IPAM: { Options: { x: 'y' } } }, 'unimplemented', /IPAM\.Options/],
  ];
  for (const [body, kind, message] of refused)
    test(`${JSON.stringify(body)} is refused`, () => assert.throws(() => decode(body), { kind, message }));
});

describe('a network', () => {
  const view: NetworkView = {
    id: 'n',
    name: 'mine',
    driver: 'bridge',
    createdAtMs: 1_700_000_000_000,
    isBuiltIn: false,
    labels: { a: 'b' },
    options: { 'com.docker.network.driver.mtu': '1400' },
    internal: false,
    attachable: true,
    ipv4: true,
    ipv6: true,
    pools: [{ subnet: '10.0.0.0/8', gateway: '10.0.0.1', range: '10.1.0.0/16', auxiliary: { a: '10.0.0.2' } }],
    links: ['br'],
    members: [
      {
        id: 'e',
        containerId: 'c',
        containerName: 'web',
        address: '10.1.0.2',
        prefixLength: 8,
        address6: 'fd00::2',
        prefixLength6: 64,
        mac: '02:00:00:00:00:01',
      },
    ],
  };

  test('is shown in the fields of Docker, its containers only by itself', () => {
    const shown = networkOf(view, { containers: true });
    assert.deepEqual(shown.IPAM, {
      Driver: 'default',
      Options: null,
      Config: [{ Subnet: '10.0.0.0/8', IPRange: '10.1.0.0/16', Gateway: '10.0.0.1', AuxiliaryAddresses: { a: '10.0.0.2' } }],
    });
    assert.deepEqual(shown.Containers, {
      c: { Name: 'web', EndpointID: 'e', MacAddress: '02:00:00:00:00:01', IPv4Address: '10.1.0.2/8', IPv6Address: 'fd00::2/64' },
    });
    assert.deepEqual([shown.Created, shown.Scope, shown.Driver, shown.Options], ['2023-11-14T22:13:20Z', 'local', 'bridge', view.options]);
    assert.deepEqual(networkOf(view, { containers: false }).Containers, {});
  });

  test('shows that it is a configuration, or which it was made from', () => {
    const of = (more: Partial<NetworkView>) => networkOf({ ...view, ...more }, { containers: false });
    const config = of({ driver: 'none', configOnly: true, pools: [], unusedPools: view.pools });
    assert.deepEqual([config.ConfigOnly, config.ConfigFrom, config.Driver], [true, { Network: '' }, 'null']);
    assert.deepEqual(config.IPAM, of({}).IPAM);
    assert.deepEqual([of({ configFrom: 'c' }).ConfigOnly, of({ configFrom: 'c' }).ConfigFrom], [false, { Network: 'c' }]);
  });

  test('that always exists is known by its options or its driver', () => {
    const bridge = networkOf({ ...view, name: 'bridge', isBuiltIn: true, pools: [], options: {} }, { containers: false });
    assert.equal(bridge.Options['com.docker.network.bridge.default_bridge'], 'true');
    assert.equal(bridge.Options['com.docker.network.bridge.name'], 'br');
    assert.deepEqual(bridge.IPAM, { Driver: 'default', Options: null, Config: [] });
    assert.equal(networkOf({ ...view, driver: 'none', isBuiltIn: true }, { containers: false }).Driver, 'null');
  });
});

describe('hostile input', () => {
  /** JSON whose keys are often those that are looked for. */
  const jsonOf = (...keys: string[]) =>
    fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.jsonValue({ maxDepth: 1 }), tie('object')),
      object: fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), tie('value'), { noNullPrototype: true }),
    })).object;
  const decoders: readonly [what: string, input: fc.Arbitrary<unknown>, decode: (body: unknown) => unknown][] = [
    [
      'a network',
      jsonOf('Name', 'Driver', 'IPAM', 'Config', 'Subnet', 'Options', 'Labels', 'EnableIPv6', 'ConfigFrom', 'AuxiliaryAddresses'),
      (body) => decodeNetworkCreate(createJsonReader(body, 'body'), '1.51'),
    ],
    [
      'a place in one',
      jsonOf('IPAMConfig', 'IPv4Address', 'LinkLocalIPs', 'Links', 'Aliases', 'MacAddress', 'DriverOpts', 'GwPriority'),
      (body) => decodeEndpoint(createJsonReader(body, 'body'), 'EndpointConfig'),
    ],
  ];
  for (const [what, input, read] of decoders) {
    test(`any JSON is ${what}, or refused by name`, () => {
      fc.assert(
        fc.property(input, (body) => {
          try {
            read(body);
          } catch (error) {
            assert.ok(
              isOrlopError(error, 'invalid-argument') || isOrlopError(error, 'unimplemented') || isOrlopError(error, 'permission-denied'),
              String(error),
            );
          }
        }),
      );
    });
  }
});
