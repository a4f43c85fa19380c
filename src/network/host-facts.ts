import { subnetOf, type Address, type Subnet } from './addresses.ts';
import { RTPROT_RA } from './netlink/constants.ts';
import type { Link, LinkAddress, Route } from './netlink/replies.ts';

/** What the host's own network looks like, as the kernel lists it. */
export interface HostFacts {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly Route[];
}

const mainTable = 254;
const usualMtu = 1500;

/** VPNs write "everything" as 0.0.0.0/1 and 128.0.0.0/1, or finer: routes that short say nothing about a subnet's being in use. */
const shortestTelling = 8;

/**
 * The MTU that containers must have for their packets to reach the outside whole: that of the link by which the host's best IPv4 default
 * route leaves, 1500 when there is none. Pure.
 */
export function outgoingMtu(facts: HostFacts): number {
  return outgoingLink(facts)?.mtu ?? usualMtu;
}

/** The link by which the host's best IPv4 default route leaves. Pure. */
export function outgoingLink(facts: HostFacts): Link | undefined {
  const defaults = facts.routes.filter(
    ({ table, destination }) => table === mainTable && destination.family === 4 && destination.prefixLength === 0,
  );
  const best = defaults.toSorted((a, b) => a.metric - b.metric)[0];
  return facts.links.find((link) => link.index === best?.index);
}

/**
 * The links that bring, or may bring, the host its own IPv6 routes by router advertisements: those that have, and network cards. Not what leads to other containers. Pure.
 */
export function advertisedLinks({ links, routes }: Pick<HostFacts, 'links' | 'routes'>): string[] {
  const learned = new Set(routes.filter(({ protocol }) => protocol === RTPROT_RA).map(({ index }) => index));
  const isCard = ({ kind, name }: Link): boolean => ['', 'vlan', 'bond', 'team'].includes(kind) && name !== 'lo';
  return links.filter((link) => learned.has(link.index) || isCard(link)).map(({ name }) => name);
}

/** The subnets that the host uses other than by the link `except`: its routes, its addresses, and the nameservers it asks. Pure. */
export function usedSubnets(facts: HostFacts, nameservers: readonly Address[], except: number | undefined): Subnet[] {
  const routes = facts.routes.filter(({ index }) => index === 0 || index !== except).map(({ destination }) => destination);
  const addresses = facts.addresses
    .filter(({ index }) => index !== except)
    .map(({ address, prefixLength }) => subnetOf(address, prefixLength));
  const servers = nameservers.map((address) => subnetOf(address, address.family === 4 ? 32 : 128));
  return [...routes.filter(({ prefixLength }) => prefixLength >= shortestTelling), ...addresses, ...servers];
}
