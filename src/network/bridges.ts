import { createHash } from 'node:crypto';
import { parseAddress, parseCidr } from './addresses.ts';
import { applyBridge } from './bridge-link.ts';
import { macOf } from './ipam.ts';
import { jointLinks, networkGroup } from './naming.ts';
import { addVeth, isolatePort, setLink } from './netlink/requests.ts';
import type { RouteSocket } from './netlink/socket.ts';
import type { NetworkRecord } from './types.ts';

/**
 * How many containers a bridge takes: the kernel gives it 1,023 ports (BR_PORT_BITS), and the first of a network needs one for each further bridge.
 */
export const usualPortLimit = 1_000;

/** How many bridges a network can have: the first has a port left for each further one. */
export const mostBridges = 1 + 1_023 - usualPortLimit;

/** The address of what has none and needs one (RFC 7600): the kernel takes in nothing by a link without any where it looks at sources. */
const noAddress = { address: { family: 4, value: 0xc000_0008n }, prefixLength: 32 } as const;

export interface BridgesWanted {
  readonly prefix: string;
  readonly network: NetworkRecord;
  readonly mtu: number;
  /** Whether the bridge has the gateways as its own addresses. */
  readonly hasAddress: Readonly<Record<4 | 6, boolean>>;
  /** Whether containers reach each other. */
  readonly interContainer: boolean;
}

/**
 * Makes the bridges of a network, or what is missing of them: the first has the gateways' addresses, each further one is joined to the first by a pair whose
 * ends are ports of both. All together are one wire. Returns the devices' indexes by name. Fails as `applyBridge`.
 */
export function applyBridges(socket: RouteSocket, wanted: BridgesWanted): Map<string, number> {
  const { prefix, network, mtu, hasAddress } = wanted;
  const group = networkGroup(prefix);
  const indexes = new Map<string, number>();
  const addresses = network.pools.flatMap(({ subnet, gateway }) => {
    const [cidr, address] = [parseCidr(subnet), parseAddress(gateway ?? '')];
    return cidr === null || address === null || !hasAddress[address.family] ? [] : [{ address, prefixLength: cidr.subnet.prefixLength }];
  });
  const [first, ...further] = network.links;
  if (first === undefined) return indexes;
  const own = addresses[0];
  const mac = own === undefined ? macFor(first) : macOf(own.address);
  const ipv6 = addresses.some(({ address }) => address.family === 6);
  indexes.set(first, applyBridge(socket, { link: first, mtu, mac, group, addresses, ipv6, isFurther: false }));
  for (const link of further) {
    indexes.set(link, applyBridge(socket, { link, mtu, mac: macFor(link), group, addresses: [noAddress], ipv6, isFurther: true }));
    joinBridges(socket, wanted, indexes, [first, link]);
  }
  return indexes;
}

/** A hardware address that follows from the device's name. */
function macFor(link: string): Uint8Array {
  return Uint8Array.of(0x02, 0x4f, ...createHash('sha256').update(link).digest().subarray(0, 4));
}

/**
 * Joins a further bridge to the first. Where containers must not reach each other, the first bridge isolates its end as it isolates containers: through
 * it only the host is reached.
 */
function joinBridges(
  socket: RouteSocket,
  { prefix, mtu, interContainer }: BridgesWanted,
  indexes: ReadonlyMap<string, number>,
  [first, further]: readonly [string, string],
): void {
  const names = jointLinks(prefix, further);
  if (socket.link({ name: names[0] }) === null) {
    socket.change(addVeth({ name: names[0], mtu, group: networkGroup(prefix), peer: { name: names[1] } }));
  }
  for (const [index, bridge] of [first, further].entries()) {
    const link = socket.link({ name: names[index] ?? '' });
    const master = indexes.get(bridge);
    if (link === null || master === undefined) continue;
    const ref = { index: link.index };
    if (link.mtu !== mtu) socket.change(setLink(ref, { mtu }));
    if (link.master !== master || !link.up) socket.change(setLink(ref, { master, up: true, noIpv6Address: link.ipv6 !== null }));
    if (index === 0 && !interContainer) socket.change(isolatePort(link.index, true));
  }
}
