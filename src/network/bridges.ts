import { readFile } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import { formatAddress, formatSubnet, overlaps, parseAddress, parseCidr, subnetOf, type Subnet } from './addresses.ts';
import { applyBridge } from './bridge-link.ts';
import type { Firewall } from './firewall/firewall.ts';
import type { FirewalledNetwork } from './firewall/ruleset.ts';
import { disableIpv6, enableForwarding, routeLoopback } from './forwarding.ts';
import { outgoingMtu, usedSubnets, type HostFacts } from './host-facts.ts';
import { gatewayOf } from './ipam.ts';
import { deleteLink } from './netlink/requests.ts';
import { isRefusal, type RouteSocket } from './netlink/socket.ts';
import { chooseSubnet } from './pools.ts';
import { parseNameservers } from './resolv-conf.ts';
import { createSerial } from './serial.ts';
import type { NetworkRecord, NetworkState } from './types.ts';

/** A bridge that is up, with its subnet chosen and its firewall in place. */
export interface ReadyBridge {
  readonly network: NetworkRecord;
  readonly index: number;
  readonly mtu: number;
}

/** Makes bridges when they are first needed, one at a time, and remembers which are ready. */
export interface Bridges {
  /** Fails with `failed-precondition`, `resource-exhausted` or `conflict`; then the device is gone again if it was not there before. */
  ready(network: NetworkRecord): Promise<ReadyBridge>;
  /** Makes the next `ready` look at the kernel again. */
  forget(): void;
  /** Removes the firewall table and the devices. */
  remove(): Promise<void>;
}

export interface BridgesOptions {
  readonly firewall: Firewall;
  readonly socket: RouteSocket;
  readonly state: NetworkState;
  readonly logger: Logger;
  /** All networks by name; a bridge's record is replaced in it when its subnet has been chosen. */
  readonly networks: Map<string, NetworkRecord>;
}

export function createBridges(options: BridgesOptions): Bridges {
  const serial = createSerial();
  const made = new Map<string, Promise<ReadyBridge>>();
  return {
    ready(network) {
      const known = made.get(network.name);
      if (known !== undefined) return known;
      const next = serial(() => makeReady(options, network.name));
      made.set(network.name, next);
      // Whoever comes after a failure tries again.
      next.catch(() => made.get(network.name) === next && made.delete(network.name));
      return next;
    },
    forget: () => made.clear(),
    remove() {
      made.clear();
      return serial(() => removeBridges(options));
    },
  };
}

async function makeReady(options: BridgesOptions, name: string): Promise<ReadyBridge> {
  const { firewall, socket, logger, networks, state } = options;
  const network = networks.get(name);
  if (network?.driver !== 'bridge') throw new OrlopError('not-found', 'NETWORK_NOT_FOUND', `there is no bridge network '${name}'`);
  await using undo = new AsyncDisposableStack();
  const link = linkOf(network);
  if (socket.link({ name: link }) === null) undo.defer(() => removeLink(socket, link));
  await enableForwarding(logger);
  const nameservers = await readNameservers();
  const { subnet, index, mtu } = claimSubnet(options, network, nameservers);
  await disableIpv6(link, logger);
  const pools = [{ subnet: formatSubnet(subnet), gateway: formatAddress(gatewayOf(subnet)) }];
  const record = network.pools.length === 0 ? { ...network, pools } : network;
  if (record !== network) {
    await state.saveNetwork(record);
    networks.set(name, record);
  }
  await firewall.apply(firewalled(networks));
  await routeLoopback(link, logger);
  undo.move();
  logger.debug('bridge is ready', { network: name, link, subnet: formatSubnet(subnet), mtu });
  return { network: record, index, mtu };
}

/**
 * Puts the subnet's first address on the bridge: of the subnet that the network has, or of one that the host does not use. Two engines that
 * choose at the same moment may choose the same, so each looks again once its address is there, and yields when it sees the other's.
 */
function claimSubnet(
  options: BridgesOptions,
  network: NetworkRecord,
  nameservers: readonly string[],
): { subnet: Subnet; index: number; mtu: number } {
  const { socket, logger, networks } = options;
  const servers = nameservers.flatMap((text) => parseAddress(text) ?? []);
  const taken = otherSubnets(networks, network.name);
  const link = linkOf(network);
  const [chosen] = subnetsOf(network);
  for (;;) {
    const facts: HostFacts = { links: socket.links(), addresses: socket.addresses(), routes: socket.routes() };
    const own = facts.links.find((one) => one.name === link)?.index;
    const used = usedSubnets(facts, servers, own);
    if (chosen !== undefined && used.some((other) => overlaps(other, chosen))) {
      logger.warn('the subnet of a network overlaps one that the host uses', { network: network.name, subnet: formatSubnet(chosen) });
    }
    const subnet = chosen ?? chooseSubnet([...used, ...taken]);
    const mtu = outgoingMtu(facts);
    const index = applyBridge(socket, { link, mtu, gateway: gatewayOf(subnet), prefixLength: subnet.prefixLength });
    if (chosen !== undefined || !isContested(socket, index, subnet)) return { subnet, index, mtu };
    taken.push(subnet);
  }
}

function isContested(socket: RouteSocket, index: number, subnet: Subnet): boolean {
  return socket.addresses().some((entry) => entry.index !== index && overlaps(subnetOf(entry.address, entry.prefixLength), subnet));
}

function otherSubnets(networks: ReadonlyMap<string, NetworkRecord>, name: string): Subnet[] {
  return [...networks.values()].flatMap((other) => (other.name === name ? [] : subnetsOf(other)));
}

function subnetsOf(network: NetworkRecord): Subnet[] {
  return network.pools.flatMap((pool) => parseCidr(pool.subnet)?.subnet ?? []);
}

/** The device that has the network's gateway address. */
function linkOf(network: NetworkRecord): string {
  const [link] = network.links;
  if (link === undefined) throw new OrlopError('internal', 'NETWORK_LINK_UNKNOWN', `network ${network.name} has no device`);
  return link;
}

function firewalled(networks: ReadonlyMap<string, NetworkRecord>): FirewalledNetwork[] {
  return [...networks.values()]
    .filter((network) => network.driver === 'bridge' && network.pools.length > 0)
    .map((network) => ({
      links: network.links,
      subnets: subnetsOf(network),
      internal: network.internal,
      interContainer: true,
      masquerade: { ipv4: true, ipv6: true },
    }));
}

/** The table goes first: a bridge that is still there tells the next engine that there is something to remove. */
async function removeBridges(options: BridgesOptions): Promise<void> {
  await options.firewall.remove();
  for (const network of options.networks.values()) {
    for (const link of network.links) removeLink(options.socket, link);
  }
}

function removeLink(socket: RouteSocket, name: string): void {
  try {
    socket.change(deleteLink({ name }));
  } catch (error) {
    if (!isRefusal(error, 'ENODEV')) throw error;
  }
}

async function readNameservers(): Promise<string[]> {
  try {
    return parseNameservers(await readFile('/etc/resolv.conf', 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'ELOOP', 'ENOTDIR')) return [];
    throw error;
  }
}
