import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseArguments, type Arguments } from '../arguments/parse.ts';
import { findCommand } from '../commands/index.ts';
import { networkBodyOf, networkHostConfigOf } from './network-body.ts';
import { planNetworkCreate } from './network-create.ts';
import { readNetworkOptions, readWishes } from './networks.ts';

function argumentsOf(...words: string[]): Arguments {
  const found = findCommand(words);
  assert.ok(found !== undefined);
  return parseArguments(found.command, found.rest);
}

const read = (...words: string[]) => readNetworkOptions(argumentsOf('run', ...words, 'img'));

describe('--network', () => {
  test('without wishes is a mode alone', () => {
    assert.deepEqual(read(), {});
    for (const [given, network] of [
      ['mine', 'mine'],
      ['default', 'bridge'],
      ['container:a=b', 'container:a=b'],
    ] as const) {
      assert.deepEqual(read('--network', given), { network });
    }
  });

  test('in its long form says what is asked of the place', () => {
    const form =
      'name=mine,alias=db,alias=data,ip=10.1.0.9,ip6=fd00::9,mac-address=02:00:00:00:00:01,link-local-ip=169.254.1.1,gw-priority=-1,driver-opt=a=b';
    assert.deepEqual(read('--network', form), {
      network: 'mine',
      endpoints: {
        mine: {
          address: '10.1.0.9',
          address6: 'fd00::9',
          mac: '02:00:00:00:00:01',
          aliases: ['db', 'data'],
          linkLocal: ['169.254.1.1'],
          priority: -1,
          driverOptions: { a: 'b' },
        },
      },
    });
  });

  test('takes the flags without a name for the first of several', () => {
    assert.deepEqual(read('--network', 'one', '--net', 'name=two,alias=b', '--network-alias', 'a', '--ip', '10.0.0.9'), {
      network: 'one',
      endpoints: { one: { address: '10.0.0.9', aliases: ['a'] }, two: { aliases: ['b'] } },
    });
    assert.deepEqual(read('--mac-address', '02:00:00:00:00:01'), {
      network: 'bridge',
      endpoints: { bridge: { mac: '02:00:00:00:00:01' } },
    });
  });

  const wrong: readonly [words: string[], message: RegExp][] = [
    [['--network', 'alias=a'], /network name\/id is not specified/],
    [['--network', 'name=a,color=red'], /invalid field color/],
    [['--mac-address', 'foo'], /^foo is not a valid mac address$/],
    [['--dns', 'foo'], /^invalid argument "foo" for "--dns" flag: IP address is not correctly formatted: foo$/],
    [['--network', 'name=a,alias'], /invalid field alias/],
    [['--network', 'name=a,gw-priority=x'], /invalid gw-priority/],
    [['--network', 'a', '--network', 'a'], /network "a" is specified multiple times/],
    [['--network', 'a', '--network', 'host'], /cannot attach both user-defined and non-user-defined network-modes/],
    [['--network', 'name=a,ip=10.0.0.1', '--ip', '10.0.0.2'], /cannot specify both --ip and per-network IPv4 address/],
    [['--network', 'name=a,alias=x', '--network-alias', 'y'], /cannot specify both --network-alias and per-network alias/],
  ];
  for (const [words, message] of wrong)
    test(`${words.join(' ')} is refused`, () => assert.throws(() => read(...words), { code: 'CLI_USAGE', message }));
});

test('a request has it all in the fields of Docker', () => {
  const options = read(
    ...'--network name=mine,alias=db,ip=10.1.0.9,gw-priority=2 -p 8080:80 -p 127.0.0.1:8000-8001:81 -p 53/udp -P --expose 90'.split(' '),
    ...'--dns 1.1.1.1 --dns-search a.b --dns-opt ndots:2'.split(' '),
  );
  assert.deepEqual(networkBodyOf(options), {
    ExposedPorts: { '80/tcp': {}, '81/tcp': {}, '53/udp': {}, '90/tcp': {} },
    NetworkingConfig: { EndpointsConfig: { mine: { IPAMConfig: { IPv4Address: '10.1.0.9' }, Aliases: ['db'], GwPriority: 2 } } },
  });
  assert.deepEqual(networkHostConfigOf(options), {
    NetworkMode: 'mine',
    PortBindings: {
      '80/tcp': [{ HostIp: '', HostPort: '8080' }],
      '81/tcp': [{ HostIp: '127.0.0.1', HostPort: '8000-8001' }],
      '53/udp': [{ HostIp: '', HostPort: '' }],
    },
    PublishAllPorts: true,
    Dns: ['1.1.1.1'],
    DnsSearch: ['a.b'],
    DnsOptions: ['ndots:2'],
  });
});

test('a connection asks for its place as a run does', () => {
  const words = 'network connect --alias a --ip 10.0.0.2 --gw-priority 3 --driver-opt x=y net box'.split(' ');
  assert.deepEqual(readWishes(argumentsOf(...words)), { address: '10.0.0.2', aliases: ['a'], priority: 3, driverOptions: { x: 'y' } });
});

describe('network create', () => {
  const plan = (...words: string[]) => planNetworkCreate(argumentsOf('network', 'create', ...words));

  test('of a configuration, and from one', () => {
    assert.deepEqual(plan('--config-only', 'kept'), { Name: 'kept', ConfigOnly: true, Options: {}, Labels: {} });
    assert.deepEqual(plan('--config-from', 'kept', 'mine'), { Name: 'mine', ConfigFrom: { Network: 'kept' }, Options: {}, Labels: {} });
  });

  test('of a name alone', () => assert.deepEqual(plan('mine'), { Name: 'mine', Options: {}, Labels: {} }));

  test('puts gateways, ranges and kept addresses to their subnets, whatever the order', () => {
    const words = [
      '-d macvlan --internal --attachable --ipv6 --ipv4=false -o parent=eth0 --label a=b --gateway fd00::1 --gateway 10.1.0.1',
      '--subnet 10.1.0.0/16 --ip-range 10.1.5.0/24 --aux-address router=10.1.0.9 --subnet fd00::/64 mine',
    ];
    assert.deepEqual(plan(...words.join(' ').split(' ')), {
      Name: 'mine',
      Driver: 'macvlan',
      Internal: true,
      Attachable: true,
      EnableIPv4: false,
      EnableIPv6: true,
      IPAM: {
        Driver: 'default',
        Config: [
          { Subnet: '10.1.0.0/16', IPRange: '10.1.5.0/24', Gateway: '10.1.0.1', AuxiliaryAddresses: { router: '10.1.0.9' } },
          { Subnet: 'fd00::/64', Gateway: 'fd00::1' },
        ],
      },
      Options: { parent: 'eth0' },
      Labels: { a: 'b' },
    });
  });

  test('names who gives addresses and where it is known, for the engine to judge', () => {
    assert.deepEqual(plan(...'--ipam-driver mine --ipam-opt a=b --scope local mine'.split(' ')), {
      Name: 'mine',
      IPAM: { Driver: 'mine', Options: { a: 'b' } },
      Scope: 'local',
      Options: {},
      Labels: {},
    });
  });

  const wrong: readonly [words: string, message: RegExp][] = [
    ['--subnet 10.0.0.0/33 mine', /invalid CIDR address: 10\.0\.0\.0\/33/],
    ['--subnet fd00:::/64 mine', /invalid CIDR address/],
    ['--subnet 10.0.0.0/8 --subnet 10.1.0.0/16 mine', /multiple overlapping subnet configuration/],
    ['--gateway 10.0.0.1 mine', /must have a corresponding subnet/],
    ['--subnet 10.0.0.0/8 --gateway 11.0.0.1 mine', /no matching subnet for gateway 11\.0\.0\.1/],
    ['--subnet 10.0.0.0/8 --gateway 10.0.0.1 --gateway 10.0.0.2 mine', /cannot configure multiple gateways/],
    ['--ingress mine', /--ingress is not supported/],
  ];
  for (const [words, message] of wrong) test(`${words} is refused`, () => assert.throws(() => plan(...words.split(' ')), { message }));
});
