import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createJsonReader } from '#api/http';
import { isOrlopError } from '#errors';
import { decodeNetworkPart } from './decode-network.ts';

const decode = (config: object, host: object = {}, apiVersion = '1.51') =>
  decodeNetworkPart(createJsonReader(config, 'body'), createJsonReader(host, 'HostConfig'), apiVersion);

const endpoints = (settings: object): object => ({ NetworkingConfig: { EndpointsConfig: settings } });

describe('networks', () => {
  const modes: readonly [mode: string, network: string][] = [
    ['', 'bridge'],
    ['default', 'bridge'],
    ['bridge', 'bridge'],
    ['none', 'none'],
    ['mine', 'mine'],
    ['container:web', 'container:web'],
  ];
  for (const [mode, network] of modes) {
    test(`mode ${JSON.stringify(mode)} is ${network}`, () => assert.deepEqual(decode({}, { NetworkMode: mode }), { network }));
  }

  test('that are switched off are none, whatever else is asked', () => {
    assert.deepEqual(decode({ NetworkDisabled: true, ...endpoints({ mine: {} }) }, { NetworkMode: 'mine' }), { network: 'none' });
  });

  test('keep their wishes, in the order given; what an inspect shows besides asks for nothing', () => {
    const shown = {
      NetworkID: 'n',
      EndpointID: 'e',
      Gateway: '10.0.0.1',
      IPAddress: '10.0.0.2',
      IPPrefixLen: 24,
      DNSNames: ['a'],
      IPAMConfig: null,
    };
    const wish = {
      IPAMConfig: { IPv4Address: '10.1.0.9', IPv6Address: 'fd00::9', LinkLocalIPs: ['169.254.1.1'] },
      Aliases: ['db'],
      MacAddress: '02:00:00:00:00:01',
      DriverOpts: { 'com.docker.network.endpoint.ifname': 'net0' },
      GwPriority: 7,
    };
    assert.deepEqual(decode(endpoints({ second: wish, first: shown }), { NetworkMode: 'first' }), {
      network: 'first',
      endpoints: {
        second: {
          address: '10.1.0.9',
          address6: 'fd00::9',
          mac: '02:00:00:00:00:01',
          aliases: ['db'],
          linkLocal: ['169.254.1.1'],
          priority: 7,
          driverOptions: { 'com.docker.network.endpoint.ifname': 'net0' },
        },
        first: {},
      },
    });
  });

  test('several at once need version 1.44', () => {
    const several = endpoints({ one: {}, two: {} });
    assert.deepEqual(Object.keys(decode(several, {}, '1.44').endpoints ?? {}), ['one', 'two']);
    assert.throws(() => decode(several, {}, '1.43'), {
      kind: 'invalid-argument',
      message: 'Container cannot be created with multiple network endpoints: one, two',
    });
    assert.deepEqual(decode(endpoints({ one: { Aliases: ['x'] } }), { NetworkMode: 'one' }, '1.24').endpoints, { one: { aliases: ['x'] } });
  });
});

describe('ports', () => {
  const ports = (bindings: unknown) => decode({}, { PortBindings: bindings }).ports;

  test('on a port, on any, on one of several, on one address', () => {
    assert.deepEqual(ports({ '80/tcp': [{ HostIp: '', HostPort: '8080' }] }), [
      { containerPort: 80, protocol: 'tcp', hostPort: { first: 8080, last: 8080 } },
    ]);
    for (const HostPort of ['', '0']) assert.deepEqual(ports({ '53/udp': [{ HostPort }] }), [{ containerPort: 53, protocol: 'udp' }]);
    assert.deepEqual(ports({ '80': [{ HostIp: '127.0.0.1', HostPort: '8000-8010' }, { HostIp: '[::1]' }] }), [
      { containerPort: 80, protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: { first: 8000, last: 8010 } },
      { containerPort: 80, protocol: 'tcp', hostAddress: '::1' },
    ]);
    assert.deepEqual(ports({ '80/tcp': null, '81/tcp': [] }), undefined);
  });

  const wrong: readonly [bindings: unknown, message: RegExp][] = [
    [{ 'x/tcp': [{}] }, /invalid port specification: "x"/],
    [{ '0/tcp': [{}] }, /invalid port specification/],
    [{ '70000/tcp': [{}] }, /invalid port specification/],
    [{ '80/icmp': [{}] }, /invalid proto: icmp/],
    [{ '80/tcp': [{ HostPort: '9-8' }] }, /invalid port specification: "9-8"/],
    [{ '80/tcp': [{ HostIp: 'here' }] }, /invalid IP address: here/],
    [{ '80/tcp': [{ HostPort: 80 }] }, /HostPort must be a text/],
  ];
  for (const [bindings, message] of wrong) {
    test(`${JSON.stringify(bindings)} is refused`, () => assert.throws(() => ports(bindings), { kind: 'invalid-argument', message }));
  }

  test('that are exposed are single ports with a protocol', () => {
    assert.deepEqual(decode({ ExposedPorts: { '80': {}, '53/udp': {}, '8000-8002/tcp': {} } }).exposedPorts, [
      '80/tcp',
      '53/udp',
      '8000/tcp',
      '8001/tcp',
      '8002/tcp',
    ]);
  });

  test('any bindings are ports or an error with a name', () => {
    const key = fc.oneof(fc.string(), fc.constantFrom('80/tcp', '1-9', '80/', '/tcp'));
    fc.assert(
      fc.property(fc.dictionary(key, fc.array(fc.record({ HostIp: fc.string(), HostPort: fc.string() }))), (bindings) => {
        try {
          ports(bindings);
        } catch (error) {
          assert.ok(isOrlopError(error, 'invalid-argument'), String(error));
        }
      }),
    );
  });
});

test('names: servers have to be addresses', () => {
  const host = { Dns: ['1.1.1.1'], DnsSearch: ['a.b'], DnsOptions: ['ndots:2'], ExtraHosts: ['a:1.2.3.4'] };
  assert.deepEqual(decode({}, host), {
    network: 'bridge',
    dns: ['1.1.1.1'],
    dnsSearch: ['a.b'],
    dnsOptions: ['ndots:2'],
    extraHosts: ['a:1.2.3.4'],
  });
  assert.throws(() => decode({}, { Dns: ['here'] }), { kind: 'invalid-argument', message: 'here is not an ip address' });
});
