import { OrlopError } from '#errors';
import { formatAddress, parseAddress, parseCidr, type Address } from './addresses.ts';
import { allocateAddress, formatMac, isUnicastMac, macOf, parseMac } from './ipam.ts';
import { newEndpointId, newHostLink } from './naming.ts';
import type { Endpoint, EndpointWishes, NetworkRecord } from './types.ts';

/** A wish for an endpoint, understood. */
export interface ParsedWishes {
  readonly address: Address | undefined;
  readonly mac: string | undefined;
}

/** Fails with `invalid-argument` on an address that is not IPv4 or a hardware address that no link may have. */
export function parseWishes(wanted: EndpointWishes): ParsedWishes {
  const address = wanted.address === undefined ? undefined : parseAddress(wanted.address);
  if (address === null || address?.family === 6) {
    throw new OrlopError('invalid-argument', 'NETWORK_ADDRESS_BAD', `'${wanted.address}' is not an IPv4 address`, {
      hint: 'write it like 172.17.0.5',
    });
  }
  const mac = wanted.mac === undefined ? undefined : parseMac(wanted.mac);
  if (mac === null || (mac !== undefined && !isUnicastMac(mac))) {
    throw new OrlopError('invalid-argument', 'NETWORK_MAC_BAD', `'${wanted.mac}' is not a unicast hardware address`, {
      hint: 'write it like 02:4f:ac:11:00:05',
    });
  }
  return { address, mac: mac === undefined ? undefined : formatMac(mac) };
}

/** Of what a new endpoint is made. */
export interface EndpointPlan {
  readonly prefix: string;
  readonly containerId: string;
  readonly network: NetworkRecord;
  /** All endpoints of the engine. */
  readonly endpoints: readonly Endpoint[];
  readonly wanted: EndpointWishes & { readonly names?: readonly string[] };
}

/** A new endpoint of a network whose pools are known; fails as `parseWishes` and `allocateAddress` do. Pure but for its random names. */
export function planEndpoint(plan: EndpointPlan): Endpoint {
  const { containerId, network, wanted } = plan;
  const { names = [], ...asked } = wanted;
  const wishes = parseWishes(asked);
  const place = {
    id: newEndpointId(),
    containerId,
    network: network.name,
    networkId: network.id,
    driver: network.driver,
    names,
    wishes: asked,
  };
  if (network.driver === 'bridge') return { ...place, ...placeOnBridge(plan, wishes) };
  if (wishes.address !== undefined || wishes.mac !== undefined) {
    throw new OrlopError(
      'invalid-argument',
      'NETWORK_WISH_IMPOSSIBLE',
      `a container in network ${network.name} cannot choose its address`,
      {
        hint: 'choose addresses on a bridge network',
      },
    );
  }
  return place;
}

function placeOnBridge(plan: EndpointPlan, wishes: ParsedWishes): Partial<Endpoint> {
  const { prefix, network, endpoints } = plan;
  const [pool] = network.pools;
  const cidr = parseCidr(pool?.subnet ?? '');
  const [bridge] = network.links;
  if (cidr === null || pool?.gateway === undefined || bridge === undefined) {
    throw new OrlopError('internal', 'NETWORK_SUBNET_UNKNOWN', `network ${network.name} has no subnet`);
  }
  const used = endpoints
    .filter((endpoint) => endpoint.networkId === network.id)
    .map((endpoint) => parseAddress(endpoint.address ?? '')?.value ?? 0n);
  const address = allocateAddress(cidr.subnet, used, wishes.address);
  return {
    bridge,
    hostLink: newHostLink(prefix, new Set(endpoints.flatMap((endpoint) => endpoint.hostLink ?? []))),
    link: 'eth0',
    address: formatAddress(address),
    prefixLength: cidr.subnet.prefixLength,
    gateway: pool.gateway,
    mac: wishes.mac ?? formatMac(macOf(address)),
  };
}

/** Fails with `conflict` when a container that has an endpoint asks for it again with wishes that it does not fulfil. */
export function checkSameWishes(endpoint: Endpoint, wishes: ParsedWishes): void {
  const address = wishes.address === undefined ? undefined : formatAddress(wishes.address);
  if ((address ?? endpoint.address) === endpoint.address && (wishes.mac ?? endpoint.mac) === endpoint.mac) return;
  throw new OrlopError(
    'conflict',
    'NETWORK_ENDPOINT_EXISTS',
    `container ${endpoint.containerId} already has another address in network ${endpoint.network}`,
    {
      hint: 'release its endpoint first',
    },
  );
}
