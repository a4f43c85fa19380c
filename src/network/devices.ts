import { readFile } from 'node:fs/promises';
import { isErrno } from '#errors';
import type { Logger } from '#log';
import { contains, overlaps, parseAddress, parseCidr, subnetOf, type Address, type Subnet } from './addresses.ts';
import { planPools, type AddressFacts, type AddressPlan } from './address-plan.ts';
import { applyBridges } from './bridges.ts';
import { parseDriverOptions } from './driver-options.ts';
import type { Firewall } from './firewall/firewall.ts';
import type { FirewalledNetwork } from './firewall/ruleset.ts';
import { enableForwarding, enableForwarding6, routeLoopback, routeLoopback6 } from './forwarding.ts';
import { advertisedLinks, outgoingMtu, usedSubnets, type HostFacts } from './host-facts.ts';
import { jointLinks } from './naming.ts';
import { deleteAddress, deleteLink } from './netlink/requests.ts';
import { isRefusal, type RouteSocket } from './netlink/socket.ts';
import { planBurial } from './pair.ts';
import { applyParent, isOurs } from './parents.ts';
import { parseNameservers } from './resolv-conf.ts';
import type { Sweeper } from './sweeper.ts';
import type { NetworkRecord, NetworkRequest } from './types.ts';

/** What networks are made with. */
export interface DeviceTools {
  readonly socket: RouteSocket;
  readonly firewall: Firewall;
  readonly prefix: string;
  readonly logger: Logger;
}

/** A network's devices, there and up. */
export interface ReadyDevices {
  /** Index of each bridge; of the parent. */
  readonly indexes: ReadonlyMap<string, number>;
  /** Of containers' links; absent: that of the parent. */
  readonly mtu?: number;
}

/** Whether the network's bridge has an address of its own, by family. */
export function hasBridgeAddress(network: Pick<NetworkRecord, 'driver' | 'options'>): Record<4 | 6, boolean> {
  const { gatewayMode, inhibitIpv4 } = parseDriverOptions(network.driver, network.options);
  return { 4: gatewayMode.ipv4 !== 'isolated' && !inhibitIpv4, 6: gatewayMode.ipv6 !== 'isolated' };
}

/** Makes a network's devices, or what is missing of them. Fails with `conflict`, `not-found` or `failed-precondition`. */
export async function applyDevices(tools: DeviceTools, network: NetworkRecord): Promise<ReadyDevices> {
  const { socket, prefix, logger } = tools;
  if (network.driver !== 'bridge') {
    const parent = applyParent(socket, prefix, network);
    return { indexes: new Map([[network.links[0] ?? '', parent]]), ...(network.mtu === undefined ? {} : { mtu: network.mtu }) };
  }
  if (!network.internal) {
    await enableForwarding(logger);
    if (network.ipv6) await enableForwarding6(logger, advertisedLinks({ links: socket.links(), routes: socket.routes() }));
  }
  const mtu = network.mtu ?? outgoingMtu({ links: socket.links(), addresses: [], routes: socket.routes() });
  const { interContainer } = parseDriverOptions('bridge', network.options);
  const indexes = applyBridges(socket, { prefix, network, mtu, hasAddress: hasBridgeAddress(network), interContainer });
  return { indexes, mtu };
}

/** Removes a network's devices: those that this engine made. Idempotent. */
export function removeDevices({ socket, prefix }: Pick<DeviceTools, 'socket' | 'prefix'>, network: NetworkRecord): void {
  const [first, ...further] = network.links;
  for (const name of further) {
    removeLink(socket, jointLinks(prefix, name)[0]);
    removeLink(socket, name);
  }
  const link = first === undefined ? null : socket.link({ name: first });
  if (link !== null && (network.driver === 'bridge' ? link.kind === 'bridge' : isOurs(link, prefix))) removeLink(socket, link.name);
}

/**
 * The same for a network that is removed for good: its bridges are taken out of use like a container's pair (`buryPair`), without addresses, and wait for the sweeper, since
 * the kernel holds up whoever removes one for tens of milliseconds. A parent's VLAN goes at once: another network may want it again. Idempotent.
 */
export function buryDevices(
  { socket, prefix, sweeper }: Pick<DeviceTools, 'socket' | 'prefix'> & { readonly sweeper: Sweeper },
  network: NetworkRecord,
): void {
  if (network.driver !== 'bridge') return removeDevices({ socket, prefix }, network);
  const names = network.links.flatMap((name, index) => (index === 0 ? [name] : [jointLinks(prefix, name)[0], name]));
  const links = names.flatMap((name) => socket.link({ name }) ?? []);
  const addresses = socket.addresses();
  for (const link of links) {
    const own = addresses.filter(({ index }) => index === link.index);
    socket.change(...own.map(({ address, prefixLength }) => deleteAddress(link.index, address, prefixLength)), ...planBurial(prefix, link));
  }
  if (links.length > 0) sweeper.soon();
}

/** The networks as the firewall has to know them. Pure. */
export function firewalled(networks: Iterable<NetworkRecord>): FirewalledNetwork[] {
  return [...networks]
    .filter((network) => network.driver === 'bridge' && network.pools.length > 0)
    .map((network) => {
      const { interContainer, masquerade, gatewayMode, trustedLinks } = parseDriverOptions('bridge', network.options);
      const { links, internal } = network;
      return { links, subnets: subnetsOf(network), internal, interContainer, masquerade, gatewayMode, trustedLinks };
    });
}

/** Lets ports that are published on the host's loopback addresses lead to containers of the network. The firewall's table has to stand already. */
export async function allowLoopback({ socket, logger }: Pick<DeviceTools, 'socket' | 'logger'>, network: NetworkRecord): Promise<void> {
  const [link] = network.links;
  if (network.driver !== 'bridge' || link === undefined) return;
  if (network.ipv4) await routeLoopback(link, logger);
  const index = network.ipv6 && hasBridgeAddress(network)[6] ? socket.link({ name: link })?.index : undefined;
  if (index !== undefined) routeLoopback6(socket, index);
}

export function subnetsOf(network: Pick<NetworkRecord, 'pools'>): Subnet[] {
  return network.pools.flatMap((pool) => parseCidr(pool.subnet)?.subnet ?? []);
}

export interface Claim {
  readonly request: Pick<NetworkRequest, 'name' | 'pools' | 'ipv4' | 'ipv6'>;
  /** Of the network that is to be, without its pools. */
  readonly draft: NetworkRecord;
  /** Subnets of other networks. */
  readonly taken: readonly Subnet[];
  readonly local: Subnet;
}

/**
 * Chooses a network's subnets and puts its gateways on the bridge. Two engines that choose at the same moment may choose the same, so each looks again
 * once its address is there, and yields when it sees the other's.
 */
export async function claimPools(tools: DeviceTools, claim: Claim): Promise<AddressPlan & { readonly ready: ReadyDevices }> {
  const { socket } = tools;
  const { draft, request } = claim;
  const nameservers = (await readNameservers()).flatMap((text) => parseAddress(text) ?? []);
  const networks = [...claim.taken];
  for (;;) {
    const plan = planPools(request, addressFacts(socket, nameservers, { ...claim, taken: networks }), gatewaysOf(draft));
    const network = { ...draft, pools: plan.pools };
    const ready = await applyDevices(tools, network);
    const asked = (request.pools ?? []).flatMap(({ subnet }) => parseCidr(subnet ?? '')?.subnet ?? []);
    const chosen = subnetsOf(network).filter((subnet) => !asked.some((other) => overlaps(other, subnet)));
    const contested = draft.driver === 'bridge' ? chosen.filter((subnet) => isContested(socket, ready, subnet)) : [];
    if (contested.length === 0) return { ...plan, ready };
    networks.push(...contested);
  }
}

function addressFacts(socket: RouteSocket, nameservers: readonly Address[], { draft, taken, local }: Claim): AddressFacts {
  const facts: HostFacts = { links: socket.links(), addresses: socket.addresses(), routes: socket.routes() };
  const own = facts.links.find((link) => link.name === draft.links[0]);
  const host = usedSubnets(facts, nameservers, own?.index);
  if (draft.driver === 'bridge' || own === undefined) return { networks: taken, host, local };
  // On a parent's wire the containers are to have addresses of the parent's subnet.
  const wires = facts.addresses.filter(({ index }) => index === own.index);
  const isOnWire = (subnet: Subnet): boolean => wires.some(({ address }) => contains(subnet, address));
  return { networks: taken, host: host.filter((subnet) => !isOnWire(subnet)), local };
}

/** Nothing can be sent through an isolated bridge, and nobody is sought on an internal one without an address; any other network has a gateway, be it its own or a router's. */
function gatewaysOf(network: NetworkRecord): Record<4 | 6, boolean> {
  if (network.driver !== 'bridge') return { 4: true, 6: true };
  const { gatewayMode, inhibitIpv4 } = parseDriverOptions('bridge', network.options);
  return { 4: gatewayMode.ipv4 !== 'isolated' && !(inhibitIpv4 && network.internal), 6: gatewayMode.ipv6 !== 'isolated' };
}

function isContested(socket: RouteSocket, { indexes }: ReadyDevices, subnet: Subnet): boolean {
  const own = new Set(indexes.values());
  return socket.addresses().some((entry) => !own.has(entry.index) && overlaps(subnetOf(entry.address, entry.prefixLength), subnet));
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
