import { OrlopError } from '#errors';
import { formatAddress, parseCidr } from './addresses.ts';
import { parseDriverOptions, type DriverOptions } from './driver-options.ts';
import type { EndpointTable } from './endpoint-table.ts';
import { formatMac, macOf } from './ipam.ts';
import { newEndpointId, newHostLink } from './naming.ts';
import type { Occupancy } from './occupancy.ts';
import type { AddressPool, Endpoint, EndpointWishes, NetworkRecord } from './types.ts';
import { parseWishes, wishesIn, type ParsedWishes } from './wishes.ts';

/** Of what a new endpoint is made. */
export interface EndpointPlan {
  readonly prefix: string;
  readonly containerId: string;
  readonly network: NetworkRecord;
  readonly table: Pick<EndpointTable, 'hostLinks' | 'occupancy' | 'ofContainer'>;
  /** The bridge that has a port for it, if the network has bridges. */
  readonly bridge?: string;
  readonly wanted: EndpointWishes & { readonly names?: readonly string[] };
}

/** A new endpoint of a network whose pools are known; fails as `parseWishes` and an occupancy's `choose` do. Changes nothing. */
export function planEndpoint(plan: EndpointPlan): Endpoint {
  const { containerId, network, wanted } = plan;
  const { names = [], ...asked } = wanted;
  const wishes = wishesIn(network, parseWishes(asked));
  const place = {
    id: newEndpointId(),
    containerId,
    network: network.name,
    networkId: network.id,
    driver: network.driver,
    names,
    wishes: asked,
  };
  if (network.driver === 'host' || network.driver === 'none') {
    checkPlain(network, wishes);
    return place;
  }
  return { ...place, ...placeOnLink(plan, wishes) };
}

/** Whether containers reach beyond the subnets of the network. */
export function hasWayOut(network: NetworkRecord): boolean {
  return !network.internal;
}

/** Whether what leaves goes straight out of the link: ipvlan above layer 2 has no neighbours to ask for a gateway. */
export function isRoutedByLink(network: NetworkRecord, options: DriverOptions): boolean {
  return network.driver === 'ipvlan' && options.ipvlan.layer !== 'l2';
}

function checkPlain(network: NetworkRecord, wishes: ParsedWishes): void {
  const { address, address6, mac, link, linkLocal, settings } = wishes;
  if ([address, address6, mac, link].every((wish) => wish === undefined) && linkLocal.length === 0 && settings.length === 0) return;
  throw new OrlopError('invalid-argument', 'NETWORK_WISH_IMPOSSIBLE', `a container in network ${network.name} cannot choose its address`, {
    hint: 'choose addresses on a bridge network',
  });
}

function placeOnLink(plan: EndpointPlan, wishes: ParsedWishes): Partial<Endpoint> {
  const { prefix, containerId, network, table, bridge } = plan;
  const options = parseDriverOptions(network.driver, network.options);
  const occupancy = table.occupancy(network);
  const four = network.ipv4 || wishes.address !== undefined ? occupancy.choose(4, wishes.address) : null;
  const six = (network.ipv6 && plan.wanted.ipv6 !== false) || wishes.address6 !== undefined ? occupancy.choose(6, wishes.address6) : null;
  const gatewayOf = (pool: AddressPool): string | undefined =>
    hasWayOut(network) && !isRoutedByLink(network, options) ? pool.gateway : undefined;
  const first = four ?? six;
  const link = linkName(table.ofContainer(containerId), wishes.link, options.linkPrefix);
  return {
    link,
    ...(bridge === undefined ? {} : { bridge, hostLink: newHostLink(prefix, table.hostLinks) }),
    ...(four === null ? {} : placeOf(four, gatewayOf(four.pool))),
    ...(six === null ? {} : inSix(placeOf(six, gatewayOf(six.pool)))),
    ...(network.driver === 'ipvlan' || first === null ? {} : { mac: wishes.mac ?? formatMac(macOf(first.address)) }),
  };
}

type Place = Pick<Endpoint, 'address' | 'prefixLength' | 'gateway'>;

function placeOf(chosen: NonNullable<ReturnType<Occupancy['choose']>>, gateway: string | undefined): Place {
  const prefixLength = parseCidr(chosen.pool.subnet)?.subnet.prefixLength ?? 0;
  return { address: formatAddress(chosen.address), prefixLength, ...(gateway === undefined ? {} : { gateway }) };
}

function inSix({ address, prefixLength, gateway }: Place): Partial<Endpoint> {
  return {
    ...(address === undefined ? {} : { address6: address }),
    ...(prefixLength === undefined ? {} : { prefixLength6: prefixLength }),
    ...(gateway === undefined ? {} : { gateway6: gateway }),
  };
}

/** The wanted name, or the first of eth0, eth1, … that the container does not have yet. */
function linkName(others: readonly Endpoint[], wanted: string | undefined, prefix: string): string {
  const taken = new Map(others.map((other) => [other.link, other.network]));
  const holder = wanted === undefined ? undefined : taken.get(wanted);
  if (holder !== undefined) {
    throw new OrlopError('conflict', 'NETWORK_LINK_TAKEN', `interface ${wanted} of the container belongs to network ${holder}`, {
      hint: 'choose another name, or none',
    });
  }
  if (wanted !== undefined) return wanted;
  let index = 0;
  while (taken.has(`${prefix}${index}`)) index += 1;
  return `${prefix}${index}`;
}
