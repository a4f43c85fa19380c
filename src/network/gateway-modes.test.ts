import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { arrives, connect, openBox, openUserNetworks, sendAllVia, traces, type Box } from './testing/boxes.ts';
import { hostAddress, isInOwnNetwork, openOutside, outsideAddress, rerunInOwnNetwork, whyNoNetworks } from './testing/own-network.ts';
import { openSpeaker } from './testing/traffic.ts';
import type { Endpoint, Networks } from './types.ts';

const published = 4000;
const notPublished = 4002;

if (!isInOwnNetwork()) {
  test('gateway modes in a network of their own', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const outside = await openOutside(addon, 1500);
  execFileSync('nsenter', [`--net=/proc/${outside.pid}/ns/net`, 'ip', 'route', 'add', '10.70.0.0/15', 'via', hostAddress]);
  test.after(() => outside[Symbol.asyncDispose]());

  /** A box in a network of these options, with a port published. */
  const open = async (networks: Networks, name: string, options: Record<string, string>): Promise<{ box: Box; endpoint: Endpoint }> => {
    const third = networks.list().length;
    const pools = [{ subnet: `10.71.${third}.0/24`, gateway: `10.71.${third}.1` }];
    const own = Object.entries(options).map(([key, value]) => [`com.docker.network.bridge.${key}`, value]);
    await networks.create({ name, pools, options: Object.fromEntries(own) });
    const box = await openBox(name);
    const endpoint = await connect(networks, box, name);
    const wish = { containerPort: published, protocol: 'udp', hostPort: { first: 14_000 + third, last: 14_000 + third } } as const;
    await networks.ports.open(box.id, endpoint, await networks.ports.reserve(box.id, [wish]));
    return { box, endpoint };
  };
  /** Whether datagrams get from one place to a box: what is sent to the host after each tells that it could have come. */
  const reaches = async (from: { readonly fd: number }, to: Box, address: string, port: number): Promise<boolean> => {
    await using sender = openSpeaker(addon, from, '0.0.0.0', 0);
    await using receiver = openSpeaker(addon, to, '0.0.0.0', port);
    await using host = openSpeaker(addon, { fd: -1 }, '0.0.0.0', 4001);
    let arrived = false;
    void receiver.receive().then(() => (arrived = true));
    for (let round = 0; round < 3; round += 1) {
      sender.send('hello box', address, port);
      const again = setInterval(() => sender.send('hello host', hostAddress, 4001), 50);
      await host.receive();
      clearInterval(again);
    }
    return arrived;
  };

  test('from outside a container is reached at its own address as its network says', async () => {
    await using networks = await openUserNetworks();
    const expected = [
      ['behind', {}, false, false],
      ['bare', { gateway_mode_ipv4: 'nat-unprotected' }, true, true],
      ['routed', { gateway_mode_ipv4: 'routed' }, true, false],
      ['trusting', { trusted_host_interfaces: 'eth9:up0' }, true, false],
      ['distrusting', { trusted_host_interfaces: 'eth9' }, false, false],
    ] as const;
    await using boxes = new AsyncDisposableStack();
    for (const [name, options, ofPublished, ofOther] of expected) {
      const { box, endpoint } = await open(networks, name, options);
      boxes.use(box);
      const { address = '' } = endpoint;
      assert.deepEqual(
        [await reaches(outside, box, address, published), await reaches(outside, box, address, notPublished)],
        [ofPublished, ofOther],
        name,
      );
      await networks.ports.close(box.id);
      assert.equal(await reaches(outside, box, address, published), name === 'bare', `${name}, published no more`);
    }
    await networks.removeAll();
    assert.deepEqual(traces(), []);
  });

  test('a routed port takes none of the host, and its container is seen from outside as it is, and answers there', async () => {
    await using networks = await openUserNetworks();
    const { box, endpoint } = await open(networks, 'routed', { gateway_mode_ipv4: 'routed' });
    await using _box = box;
    const { address = '' } = endpoint;
    assert.deepEqual(await networks.ports.reserve('routed', [{ containerPort: 80, protocol: 'tcp' }]), [
      { containerPort: 80, protocol: 'tcp', hostAddress: '0.0.0.0', hostPort: 0 },
    ]);
    await using near = openSpeaker(addon, box, '0.0.0.0', 0);
    await using far = openSpeaker(addon, outside, '0.0.0.0', 1000);
    near.send('hello world', outsideAddress, 1000);
    assert.deepEqual(await far.receive(), { message: 'hello world', from: address });
    if (existsSync('/bin/busybox'))
      execFileSync('nsenter', [`--net=/proc/${outside.pid}/ns/net`, '/bin/busybox', 'ping', '-c1', '-W3', address]);
    await networks.removeAll();
  });

  test('containers of other networks reach what the outside reaches, but for those of an internal one', async () => {
    await using networks = await openUserNetworks();
    const routed = await open(networks, 'routed', { gateway_mode_ipv4: 'routed' });
    const behind = await open(networks, 'behind', {});
    await using _routed = routed.box;
    await using _behind = behind.box;
    await networks.create({ name: 'inner', internal: true });
    await using inner = await openBox('inner');
    await connect(networks, inner, 'inner');
    const { address = '' } = routed.endpoint;
    assert.ok(await reaches(behind.box, routed.box, address, published));
    assert.equal(await reaches(behind.box, routed.box, address, notPublished), false);
    assert.equal(await reaches(routed.box, behind.box, behind.endpoint.address ?? '', published), false);
    sendAllVia(inner, networks.find('inner').pools[0]?.gateway);
    assert.equal(await reaches(inner, routed.box, address, published), false);
    await using beside = await openBox('beside');
    await connect(networks, beside, 'routed');
    await arrives(beside, routed.box, address);
    await networks.removeAll();
  });
}
