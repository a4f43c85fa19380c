import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { Linux } from '#oci';
import { loadAddon } from '#sys';
import { moveNetDevices, planNetDevices } from './net-devices.ts';
import type { NamespaceRequest } from './types.ts';

const marker = 'ORLOP_TEST_OWN_LINKS';
const inOwnNetwork = process.env[marker] === '1';
const plan = (netDevices: Linux['netDevices'], namespaces: readonly NamespaceRequest[] = [{ name: 'net' }]) =>
  planNetDevices(netDevices, namespaces);

describe('devices of a spec', { skip: inOwnNetwork ? 'done outside' : false }, () => {
  test('each keeps its name or gets another', () => {
    const netDevices = { eth0: {}, eth1: { name: 'inner' }, eth2: { name: 'net%d' } };
    assert.deepEqual(plan(netDevices), [
      { from: 'eth0', to: 'eth0' },
      { from: 'eth1', to: 'inner' },
      { from: 'eth2', to: 'net%d' },
    ]);
    assert.deepEqual(plan(undefined, []), []);
  });

  test('what cannot be is refused by its path', () => {
    assert.throws(() => plan({ eth0: {} }, []), /linux\.netDevices needs an own network namespace/);
    assert.throws(() => plan({ 'a/b': {} }), /linux\.netDevices\["a\/b"\] is no name/);
    assert.throws(() => plan({ eth0: { name: 'much-too-long-a-name' } }), /name "much-too-long-a-name" is no name/);
    assert.throws(() => plan({ eth0: { name: '%d%d' } }), /is no name/);
    assert.throws(() => plan({ a: { name: 'x' }, b: { name: 'x' } }), /gives the name "x" twice/);
  });
});

const missing = ['unshare', 'nsenter', 'ip'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
const reason = process.getuid?.() !== 0 ? 'needs root' : missing.length > 0 ? `needs ${missing.join(', ')}` : false;

/** The machine's own links stay out of reach: the tests that move some run again in a network namespace that stands for the host's. */
if (!inOwnNetwork) {
  test('devices move between network namespaces', { skip: reason }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn('unshare', ['--net', process.execPath, import.meta.filename], { env: { ...env, [marker]: '1' }, timeout: 60_000 });
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number]>]);
    assert.equal(code, 0, out);
  });
} else {
  const addon = loadAddon();
  const ip = (line: string): string => execFileSync('ip', line.split(' '), { encoding: 'utf8' });
  const show = (name: string, pid?: number) => {
    const words = ['ip', '-j', 'address', 'show', 'dev', name];
    const [file, ...args] = pid === undefined ? words : ['nsenter', '--net', '--target', String(pid), ...words];
    const done = spawnSync(file ?? '', args, { encoding: 'utf8' });
    if (done.status !== 0) return null;
    const [link] = JSON.parse(done.stdout) as {
      flags: string[];
      mtu: number;
      address: string;
      addr_info: { local: string; prefixlen: number; scope: string }[];
    }[];
    const addresses = (link?.addr_info ?? [])
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    return { up: link?.flags.includes('UP') ?? false, mtu: link?.mtu, mac: link?.address, addresses };
  };
  const openAway = async () => {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo made; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    return {
      pid: holder.pid ?? 0,
      open: () => openSync(`/proc/${holder.pid}/ns/net`, 'r'),
      async [Symbol.asyncDispose]() {
        holder.stdin.end();
        if (holder.exitCode === null) await once(holder, 'exit');
      },
    };
  };
  const addDevice = (name: string): void => {
    ip(`link add ${name} mtu 1400 address 02:11:22:33:44:55 type veth peer name ${name}p`);
    ip(`address add 192.0.2.7/24 dev ${name}`);
    ip(`address add 2001:db8::7/64 dev ${name} nodad`);
    ip(`link set ${name} up`);
  };
  const expected = { up: true, mtu: 1400, mac: '02:11:22:33:44:55', addresses: ['192.0.2.7/24', '2001:db8::7/64'] };

  test('a device moves with its attributes and comes back', async () => {
    await using away = await openAway();
    addDevice('d0');
    using moved = moveNetDevices(addon, [{ from: 'd0', to: 'inner' }], away.open);
    assert.equal(show('d0'), null);
    assert.deepEqual(show('inner', away.pid), expected);
    moved.restore();
    assert.equal(show('inner', away.pid), null);
    assert.deepEqual(show('d0'), expected);
    ip('link del d0');
  });

  test('a device that was down is up in the container, and down again at home', async () => {
    await using away = await openAway();
    ip('link add d1 type veth peer name d1p');
    using moved = moveNetDevices(addon, [{ from: 'd1', to: 'd1' }], away.open);
    assert.equal(show('d1', away.pid)?.up, true);
    moved.restore();
    assert.equal(show('d1')?.up, false);
    ip('link del d1');
  });

  test('a template is numbered by the kernel, beside names that are taken', async () => {
    await using away = await openAway();
    for (const name of ['d2', 'd3']) ip(`link add ${name} type veth peer name ${name}p`);
    using _moved = moveNetDevices(
      addon,
      [
        { from: 'd2', to: 'net0' },
        { from: 'd3', to: 'net%d' },
      ],
      away.open,
    );
    assert.equal(show('net1', away.pid)?.up, true);
  });

  test('when one cannot move, those before it are home again', async () => {
    await using away = await openAway();
    addDevice('d4');
    const attempt = (to: string, from: string) => () =>
      moveNetDevices(
        addon,
        [
          { from: 'd4', to: 'd4' },
          { from, to },
        ],
        away.open,
      );
    assert.throws(attempt('x', 'nowhere'), /network device nowhere does not exist on the host/);
    assert.deepEqual(show('d4'), expected);
    assert.throws(attempt('lo2', 'lo'), /network device lo cannot be moved into the container: (EINVAL|EOPNOTSUPP)/);
    assert.deepEqual(show('d4'), expected);
    assert.throws(attempt('lo', 'd4'), /does not exist on the host/);
    ip('link add d5 type veth peer name d5p');
    assert.throws(attempt('lo', 'd5'), /network namespace has a device lo already/);
    assert.deepEqual(show('d4'), expected);
    ip('link del d4');
    ip('link del d5');
  });
}
