import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { isOrlopError, type ErrorKind } from '#errors';
import { createLogger } from '#log';
import { loadAddon } from '#sys';
import { formatAddress } from '../addresses.ts';
import { tableName } from '../naming.ts';
import { openRouteSocket } from '../netlink/socket.ts';
import { openNetworks } from '../networks.ts';
import type { Endpoint, EndpointWishes, Networks } from '../types.ts';
import { createMemoryState, type MemoryState } from './memory-state.ts';
import { openTestNamespace, type TestNamespace } from './own-network.ts';
import { openSpeaker } from './traffic.ts';

export const prefix = 'orluser';

export function openUserNetworks(state: MemoryState = createMemoryState(), portLimit = 1000): Promise<Networks> {
  return openNetworks({
    addon: loadAddon(),
    prefix,
    state,
    portLimit,
    logger: createLogger({ level: 'warn', sink: (line) => process.stdout.write(line) }),
  });
}

/** Names of links and tables here that belong to the engine. */
export function traces(): string[] {
  using socket = openRouteSocket(loadAddon());
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  const links = socket.links().map((link) => link.name);
  return [
    ...links.filter((link) => link.startsWith(prefix) || link === 'custom0'),
    ...(tables.includes(tableName(prefix)) ? [tableName(prefix)] : []),
  ];
}

/** A namespace that stands for a running container. */
export interface Box extends TestNamespace {
  readonly id: string;
  /** Addresses of its interface, as `eth0 172.18.0.2/16`, without those that a link gives itself. */
  addresses(): string[];
  /** Where everything else goes: `4 eth0 172.18.0.1`. */
  defaults(): string[];
}

export async function openBox(id: string): Promise<Box> {
  const addon = loadAddon();
  const namespace = await openTestNamespace(addon);
  const inside = openRouteSocket(addon, namespace.fd);
  const nameOf = (index: number): string => inside.link({ index })?.name ?? '';
  return {
    ...namespace,
    id,
    addresses: () =>
      inside
        .addresses()
        .map((entry) => `${nameOf(entry.index)} ${formatAddress(entry.address)}/${entry.prefixLength}`)
        .filter((text) => !text.startsWith('lo ') && !text.includes(' fe80:'))
        .toSorted(),
    defaults: () =>
      inside
        .routes()
        .filter((route) => route.table === 254 && route.destination.prefixLength === 0)
        .map((route) => `${route.destination.family} ${nameOf(route.index)} ${route.gateway === null ? '-' : formatAddress(route.gateway)}`)
        .toSorted(),
    async [Symbol.asyncDispose]() {
      inside[Symbol.dispose]();
      await namespace[Symbol.asyncDispose]();
    },
  };
}

export async function connect(
  networks: Networks,
  box: Box,
  network: string,
  wanted?: EndpointWishes & { names?: string[] },
): Promise<Endpoint> {
  const endpoint = await networks.reserve(box.id, network, wanted);
  await networks.attach(endpoint, box.fd);
  return endpoint;
}

/** A container that helps itself to a way out. */
export function sendAllVia(box: Box, gateway: string | undefined): void {
  execFileSync('nsenter', [`--net=/proc/${box.pid}/ns/net`, 'ip', 'route', 'replace', 'default', 'via', String(gateway)]);
}

/** Waits until a datagram has got from one to the other. A link that has just been made loses some. */
export async function arrives(from: Box, to: Box, address: string | undefined): Promise<void> {
  const any = address?.includes(':') === true ? '::' : '0.0.0.0';
  const addon = loadAddon();
  await using sender = openSpeaker(addon, from, any, 0);
  await using receiver = openSpeaker(addon, to, any, 4000);
  const again = setInterval(() => sender.send('over there', address ?? '', 4000), 50);
  await receiver.receive();
  clearInterval(again);
}

/** Whether nothing gets from one to the other: what is sent to the host afterwards arrives, and it has not. */
export async function isCutOff(from: Box, to: Box, address: string | undefined): Promise<boolean> {
  const addon = loadAddon();
  await using sender = openSpeaker(addon, from, '0.0.0.0', 0);
  await using receiver = openSpeaker(addon, to, '0.0.0.0', 4000);
  await using host = openSpeaker(addon, { fd: -1 }, '0.0.0.0', 4001);
  const gateway = addressesOf(from)[0]?.replace(/\.\d+\.\d+\/.*/, '.0.1') ?? '';
  let arrived = false;
  void receiver.receive().then(() => (arrived = true));
  for (let round = 0; round < 3; round += 1) {
    const again = setInterval(() => sender.send('hello host', gateway, 4001), 50);
    await host.receive();
    clearInterval(again);
    sender.send('over there', address ?? '', 4000);
  }
  sender.send('last', gateway, 4001);
  while ((await host.receive()).message !== 'last');
  return !arrived;
}

/** IPv4 addresses of a container, with their prefixes. */
function addressesOf(box: Box): string[] {
  return box.addresses().flatMap((text) => / (\d.*)/.exec(text)?.[1] ?? []);
}

/** For assert.rejects: an error of this kind whose message says this. */
export function refuses(kind: ErrorKind, words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isOrlopError(error), String(error));
    assert.deepEqual([error.kind, words.test(error.message) || error.message], [kind, true]);
    return true;
  };
}
