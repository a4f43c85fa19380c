import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerView, CreateRequest, EndpointView } from '#wire';
import { fakeContainerView, fakeImage } from '../testing/fake-views.ts';
import { networkSettingsOf, portBindingsOf, portsOf, withShortIds } from './network-settings.ts';
import { inspectionOf } from './view.ts';

const endpoint: EndpointView = {
  id: 'e',
  network: 'mine',
  networkId: 'n',
  address: '10.1.0.9',
  prefixLength: 16,
  gateway: '10.1.0.1',
  address6: 'fd00::9',
  prefixLength6: 64,
  gateway6: 'fd00::1',
  mac: '02:00:00:00:00:01',
  names: ['web', 'db', 'c0ffee'],
  wishes: { address: '10.1.0.9', linkLocal: ['169.254.1.1'], aliases: ['db'], priority: 2, driverOptions: { a: 'b' } },
};

function viewWith(change: Partial<ContainerView>, request: Partial<CreateRequest> = {}): ContainerView {
  const asked = { name: 'web', kind: 'app', image: 'debian:trixie', ...request } as const;
  return { ...fakeContainerView(asked, fakeImage('debian:trixie')), status: 'running', pid: 7, ...change };
}

describe('a place in a network', () => {
  test('is shown with what was asked for and what was given', () => {
    assert.deepEqual(networkSettingsOf(viewWith({ endpoints: [endpoint] })).Networks, {
      mine: {
        IPAMConfig: { IPv4Address: '10.1.0.9', LinkLocalIPs: ['169.254.1.1'] },
        Links: null,
        Aliases: ['db'],
        MacAddress: '02:00:00:00:00:01',
        DriverOpts: { a: 'b' },
        GwPriority: 2,
        NetworkID: 'n',
        EndpointID: 'e',
        Gateway: '10.1.0.1',
        IPAddress: '10.1.0.9',
        IPPrefixLen: 16,
        IPv6Gateway: 'fd00::1',
        GlobalIPv6Address: 'fd00::9',
        GlobalIPv6PrefixLen: 64,
        DNSNames: ['web', 'db', 'c0ffee'],
      },
    });
  });

  test('has no address while nobody runs there', () => {
    const { Networks: shown, SandboxKey: key } = networkSettingsOf(viewWith({ endpoints: [endpoint], status: 'exited' }));
    const { IPAddress: address, EndpointID: id, NetworkID: network, IPAMConfig: asked } = shown['mine'] ?? {};
    assert.deepEqual([address, id, network, asked?.IPv4Address, key], ['', '', 'n', '10.1.0.9', '']);
  });

  test('has the short id among its aliases for clients of older versions, where there are names', () => {
    const view = viewWith({ endpoints: [endpoint, { ...endpoint, network: 'bridge', names: [], wishes: {} }] });
    const { Networks: shown } = withShortIds(inspectionOf(view, 'overlay2')).NetworkSettings;
    assert.deepEqual(shown['mine']?.Aliases, ['db', view.id.slice(0, 12)]);
    assert.equal(shown['bridge']?.Aliases, null);
  });

  test('that shares another container’s is none', () => assert.deepEqual(networkSettingsOf(viewWith({ endpoints: [] })).Networks, {}));

  test('is repeated beside the networks when it is the default one', () => {
    assert.equal(networkSettingsOf(viewWith({ endpoints: [endpoint] })).IPAddress, '');
    assert.equal(networkSettingsOf(viewWith({ endpoints: [endpoint, { ...endpoint, network: 'bridge' }] })).IPAddress, '10.1.0.9');
  });
});

describe('ports', () => {
  const view = viewWith({
    exposedPorts: ['80/tcp', '90/tcp'],
    publishedPorts: [
      { containerPort: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 8080 },
      { containerPort: 80, protocol: 'tcp', hostAddress: '::', hostPort: 8080 },
      { containerPort: 53, protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 53 },
    ],
  });

  test('are shown where they are on the host, exposed ones without a place', () => {
    assert.deepEqual(networkSettingsOf(view).Ports, {
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '90/tcp': null,
      '53/udp': [{ HostIp: '127.0.0.1', HostPort: '53' }],
    });
    assert.deepEqual(portsOf(view), [
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { PrivatePort: 90, Type: 'tcp' },
      { IP: '127.0.0.1', PrivatePort: 53, PublicPort: 53, Type: 'udp' },
    ]);
  });

  test('are not there while nobody runs', () => {
    const stopped = { ...view, status: 'exited' } as const;
    assert.deepEqual([networkSettingsOf(stopped).Ports, portsOf(stopped)], [{}, []]);
  });

  test('that were asked for come back as they were', () => {
    assert.deepEqual(
      portBindingsOf([
        { containerPort: 80, protocol: 'tcp', hostPort: { first: 8080, last: 8080 } },
        { containerPort: 80, protocol: 'tcp', hostAddress: '::1', hostPort: { first: 8000, last: 8010 } },
        { containerPort: 53, protocol: 'udp' },
      ]),
      {
        '80/tcp': [
          { HostIp: '', HostPort: '8080' },
          { HostIp: '::1', HostPort: '8000-8010' },
        ],
        '53/udp': [{ HostIp: '', HostPort: '' }],
      },
    );
  });
});
