import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { parseAddress, type Address } from '../addresses.ts';
import { addAddress, setDefaultRoute, addVeth, setLink } from '../netlink/requests.ts';
import { openRouteSocket } from '../netlink/socket.ts';
import type { NetworkCalls } from '../types.ts';

const marker = 'ORLOP_TEST_OWN_NETWORK';

/** Why tests that change networks cannot run here, or false. For the `skip` option of a test. */
export function whyNoNetworks(): string | false {
  if (process.getuid?.() !== 0) return 'needs root: it makes network namespaces';
  const missing = ['unshare', 'nsenter', 'ip', 'nft'].filter((name) => spawnSync(name, ['--version']).error !== undefined);
  return missing.length > 0 && `needs ${missing.join(', ')}`;
}

/** Whether this process was started by `rerunInOwnNetwork`. */
export function isInOwnNetwork(): boolean {
  return process.env[marker] === '1';
}

/**
 * Runs a test file again in a network namespace of its own, which to its tests is the host's network: links, routes, the firewall and the
 * kernel's network settings of this machine stay out of reach. Fails with the run's output.
 */
export async function rerunInOwnNetwork(file: string): Promise<void> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn('unshare', ['--net', process.execPath, file], {
    env: { ...env, [marker]: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 240_000,
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null, string | null]>,
  ]);
  if (code !== 0) throw new Error(`${file} failed in its own network (${signal ?? code}):\n${stdout}\n${stderr}`);
}

/** A network namespace that lives until it is disposed of. */
export interface TestNamespace extends AsyncDisposable {
  readonly fd: number;
  /** Of the process that holds it, for nsenter. */
  readonly pid: number;
}

/** With `owned` the namespace belongs to a user namespace of its own, as containers' do. */
export async function openTestNamespace(addon: NetworkCalls, owned = false): Promise<TestNamespace> {
  const kinds = owned ? ['--user', '--map-root-user', '--net'] : ['--net'];
  const holder = spawn('unshare', [...kinds, 'sh', '-c', 'echo made; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  const pid = holder.pid ?? 0;
  const fd = openSync(`/proc/${pid}/ns/net`, 'r');
  using inside = openRouteSocket(addon, fd);
  inside.change(setLink({ name: 'lo' }, { up: true }));
  return {
    fd,
    pid,
    async [Symbol.asyncDispose]() {
      closeSync(fd);
      holder.stdin.end();
      if (holder.exitCode === null) await once(holder, 'exit');
    },
  };
}

/** The link group of a test's engine. */
export const testGroup = 7;

export const outsideAddress = '198.51.100.1';
export const hostAddress = '198.51.100.2';

/** Gives our own network a way out, with a small MTU: a default route to a namespace that stands for the rest of the world. */
export async function openOutside(addon: NetworkCalls, mtu: number): Promise<TestNamespace> {
  const outside = await openTestNamespace(addon);
  using host = openRouteSocket(addon);
  host.change(setLink({ name: 'lo' }, { up: true }), addVeth({ name: 'up0', mtu, peer: { name: 'eth0', netnsFd: outside.fd } }));
  const uplink = host.link({ name: 'up0' })?.index ?? 0;
  host.change(
    setLink({ index: uplink }, { up: true }),
    addAddress(uplink, ip(hostAddress), 24),
    setDefaultRoute(uplink, ip(outsideAddress)),
  );
  using inside = openRouteSocket(addon, outside.fd);
  const link = inside.link({ name: 'eth0' })?.index ?? 0;
  inside.change(setLink({ index: link }, { up: true }), addAddress(link, ip(outsideAddress), 24));
  return outside;
}

export function ip(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new Error(`not an address: ${text}`);
  return address;
}
