import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOrlopError } from '#errors';
import { firewalled, hasBridgeAddress } from './devices.ts';
import { isLinkName, parseDriverOptions } from './driver-options.ts';
import { builtInNetworks } from './records.ts';
import type { NetworkRecord } from './types.ts';

const bridge = 'com.docker.network.bridge.';

test('without options a bridge is as Docker makes it', () => {
  const options = parseDriverOptions('bridge', {});
  assert.deepEqual(
    { ...options, macvlan: undefined, ipvlan: undefined },
    {
      bridge: undefined,
      mtu: undefined,
      interContainer: true,
      masquerade: { ipv4: true, ipv6: true },
      gatewayMode: { ipv4: 'nat', ipv6: 'nat' },
      trustedLinks: [],
      inhibitIpv4: false,
      linkPrefix: 'eth',
      hostBinding: undefined,
      parent: undefined,
      macvlan: undefined,
      ipvlan: undefined,
      unknown: [],
    },
  );
  assert.deepEqual(
    [parseDriverOptions('macvlan', {}).macvlan, parseDriverOptions('ipvlan', {}).ipvlan],
    ['bridge', { layer: 'l2', flag: 'bridge' }],
  );
});

test('a bridge of which somebody else is the gateway has no IPv4 address', () => {
  const inhibited = { driver: 'bridge', options: { [`${bridge}inhibit_ipv4`]: 'true' } } as const;
  assert.deepEqual(
    [hasBridgeAddress(inhibited), hasBridgeAddress({ driver: 'bridge', options: {} })],
    [
      { 4: false, 6: true },
      { 4: true, 6: true },
    ],
  );
});

test('switches are read as Go reads them, empty ones are the default', () => {
  const read = (value: string): boolean => parseDriverOptions('bridge', { [`${bridge}enable_icc`]: value }).interContainer;
  assert.deepEqual(['true', '1', 'T', '', 'false', '0', 'F', 'FALSE'].map(read), [true, true, true, true, false, false, false, false]);
  assert.throws(() => read('yes'), /enable_icc cannot be 'yes'/);
});

test('a routed family is not hidden behind the host, and trusted links are named with colons between', () => {
  const { masquerade, gatewayMode, trustedLinks } = parseDriverOptions('bridge', {
    [`${bridge}gateway_mode_ipv6`]: 'routed',
    [`${bridge}trusted_host_interfaces`]: 'eth0:wg0',
  });
  assert.deepEqual(
    [masquerade, gatewayMode],
    [
      { ipv4: true, ipv6: false },
      { ipv4: 'nat', ipv6: 'routed' },
    ],
  );
  assert.deepEqual(trustedLinks, ['eth0', 'wg0']);
  assert.throws(() => parseDriverOptions('bridge', { [`${bridge}gateway_mode_ipv4`]: 'bridged' }), /gateway_mode_ipv4 cannot be 'bridged'/);
  assert.throws(
    () => parseDriverOptions('bridge', { [`${bridge}trusted_host_interfaces`]: 'a/b' }),
    /trusted_host_interfaces cannot be 'a\/b'/,
  );
});

test('the firewall is told what the options say', () => {
  const [own] = builtInNetworks('orl') as [NetworkRecord];
  const options = { [`${bridge}enable_icc`]: 'false', [`${bridge}enable_ip_masquerade`]: 'false' };
  const shy = { ...own, options, internal: true, pools: [{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }], links: ['a', 'b'] };
  const [seen, ...others] = firewalled([shy, { ...own, name: 'without pools' }, { ...shy, driver: 'macvlan', options: {} }]);
  assert.deepEqual(others, []);
  assert.deepEqual([seen?.links, seen?.subnets.length, seen?.internal], [['a', 'b'], 2, true]);
  assert.deepEqual([seen?.interContainer, seen?.masquerade], [false, { ipv4: false, ipv6: false }]);
});

test('an option of the driver that it does not know is refused, one of somebody else is kept', () => {
  const cases = [
    ['bridge', `${bridge}speed`],
    ['bridge', 'com.docker.network.driver.speed'],
    ['macvlan', 'macvlan_speed'],
    ['ipvlan', 'ipvlan_speed'],
  ] as const;
  for (const [driver, name] of cases) {
    assert.throws(
      () => parseDriverOptions(driver, { [name]: '1' }),
      (error) => isOrlopError(error, 'unimplemented') && error.message.includes(name),
    );
  }
  assert.deepEqual(parseDriverOptions('bridge', { 'org.example.a': '1', [`${bridge}name`]: 'br9' }).unknown, ['org.example.a']);
});

test('what the kernel does not take for a name of a link is none', () => {
  const names = ['eth0', 'br-lan', 'eth0.50', 'a'.repeat(15), 'a'.repeat(16), '', '.', '..', 'a/b', 'a b', 'a:b', 'a"b', 'a*'];
  assert.deepEqual(names.map(isLinkName), [true, true, true, true, ...Array.from({ length: 9 }, () => false)]);
});
