import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { loadAddon } from '#sys';
import { isInOwnNetwork, openTestNamespace, rerunInOwnNetwork, whyNoNetworks } from '../testing/own-network.ts';
import { openRedirect } from './redirect.ts';

const options = { address: Uint8Array.of(127, 0, 0, 11), port: 53, to: { udp: 40_001, tcp: 40_002 } };
/** The same in nft's own words. */
const rules = `
  ip daddr 127.0.0.11 udp dport 53 udp dport set 40001
  ip saddr 127.0.0.11 udp sport 40001 udp sport set 53
  ip daddr 127.0.0.11 tcp dport 53 tcp dport set 40002
  ip saddr 127.0.0.11 tcp sport 40002 tcp sport set 53`;

interface Listed {
  readonly chain?: object;
  readonly rule?: { readonly expr: unknown };
}

if (!isInOwnNetwork()) {
  test('port 53 is redirected in a namespace', { skip: whyNoNetworks() }, () => rerunInOwnNetwork(import.meta.filename));
} else {
  const addon = loadAddon();
  const nft = (...args: string[]): string => execFileSync('nft', args, { encoding: 'utf8' });
  const tables = (): string[] => nft('list', 'tables').trim().split('\n').filter(Boolean);
  /** A table's chains and rules without what is counted: handles and names. */
  const listed = (table: string): unknown[] => {
    const { nftables } = JSON.parse(nft('-j', 'list', 'table', 'ip', table)) as { nftables: Listed[] };
    return nftables.flatMap(({ chain, rule }) =>
      chain === undefined ? (rule === undefined ? [] : [rule.expr]) : [{ ...chain, handle: 0, table: '' }],
    );
  };

  test('the rules are those that nft would have made, down to the last byte', async () => {
    nft(`table ip judge {\n chain output {\n type filter hook output priority raw; policy accept; ${rules}\n }\n }`);
    using redirect = await openRedirect(addon, -1, options);
    assert.ok(redirect !== null);
    const [own = ''] = tables().filter((table) => !table.endsWith('judge'));
    const name = own.split(' ').at(-1) ?? '';
    assert.deepEqual(listed(name), listed('judge'));
    const bytecode = (table: string): string[] =>
      nft('--debug=netlink', 'list', 'table', 'ip', table)
        .split('\n')
        .filter((line) => line.startsWith('  ['));
    assert.deepEqual(bytecode(name), bytecode('judge'));
    assert.equal(bytecode(name).length, 32);
    nft('delete', 'table', 'ip', 'judge');
  });

  test('nobody else can take them away, and disposing does', async () => {
    await using namespace = await openTestNamespace(addon);
    const inside = (...args: string[]): string =>
      execFileSync('nsenter', [`--net=/proc/${namespace.pid}/ns/net`, 'nft', ...args], { encoding: 'utf8' }).trim();
    const redirect = await openRedirect(addon, namespace.fd, options);
    assert.ok(redirect !== null);
    inside('flush', 'ruleset');
    assert.match(inside('list', 'tables'), /^table ip orlop-dns(-\w+)?$/);
    redirect[Symbol.dispose]();
    assert.equal(inside('list', 'tables'), '');
  });

  test('wait for the next engine when one was killed, which takes them over as soon as it is gone', async () => {
    await using namespace = await openTestNamespace(addon);
    const inside = (): string =>
      execFileSync('nsenter', [`--net=/proc/${namespace.pid}/ns/net`, 'nft', 'list', 'ruleset'], { encoding: 'utf8' });
    // The socket of an engine that is killed is closed, and nothing else happens.
    const sockets: number[] = [];
    const netlinkOpen = (protocol: number, netns: number): number => {
      const socket = addon.netlinkOpen(protocol, netns);
      sockets.push(socket);
      return socket;
    };
    await openRedirect({ ...addon, netlinkOpen }, namespace.fd, options);
    const next = openRedirect(addon, namespace.fd, { ...options, to: { udp: 40_003, tcp: 40_004 } });
    for (const socket of sockets) addon.close(socket);
    using redirect = await next;
    assert.ok(redirect !== null);
    assert.match(inside(), /udp dport set 40003/);
  });

  test('are made beside a table of that name that the container has made and holds on to', async () => {
    await using namespace = await openTestNamespace(addon);
    const inside = (...args: string[]): string =>
      execFileSync('nsenter', [`--net=/proc/${namespace.pid}/ns/net`, 'nft', ...args], { encoding: 'utf8' });
    inside('add', 'table', 'ip', 'orlop-dns');
    for (const isHeld of [false, true]) {
      if (isHeld) inside('delete', 'table', 'ip', 'orlop-dns');
      using _held = isHeld ? await openRedirect(addon, namespace.fd, { ...options, port: 54 }) : null;
      using redirect = await openRedirect(addon, namespace.fd, options);
      assert.ok(redirect !== null);
      assert.match(inside('list', 'ruleset'), /udp dport 53 udp dport set 40001/);
    }
  });

  test('go with their socket on kernels where tables cannot last', async () => {
    await using namespace = await openTestNamespace(addon);
    let isFirst = true;
    const netlinkReceive = (socket: number): Uint8Array | null => {
      const datagram = addon.netlinkReceive(socket);
      if (!isFirst || datagram === null) return datagram;
      isFirst = false;
      return refusal(95);
    };
    using redirect = await openRedirect({ ...addon, netlinkReceive }, namespace.fd, options);
    assert.ok(redirect !== null);
  });

  test('a kernel that refuses them is told from one that fails', async () => {
    for (const errno of [2, 22, 95]) assert.equal(await openRedirect(refusing(errno), -1, options), null, `errno ${errno}`);
    await assert.rejects(openRedirect(refusing(12), -1, options), /refused the redirection of port 53: ENOMEM/);
  });

  /** A kernel that answers everything with this error. */
  const refusing = (errno: number) => {
    const waiting: Uint8Array[] = [];
    return { ...addon, netlinkSend: () => void waiting.push(refusal(errno)), netlinkReceive: () => waiting.shift() ?? null };
  };
}

/** One netlink message of the kernel's that refuses. */
function refusal(errno: number): Buffer {
  const message = Buffer.alloc(36);
  message.writeUInt32LE(36, 0);
  message.writeUInt16LE(2, 4);
  message.writeInt32LE(-errno, 16);
  return message;
}
