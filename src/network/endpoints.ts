import { OrlopError } from '#errors';
import { formatAddress, parseAddress, parseCidr, type Address } from './addresses.ts';
import { allocateAddress, formatMac, isUnicastMac, macOf, parseMac } from './ipam.ts';
import { newEndpointId, newHostLink } from './naming.ts';
import type { BridgeEndpoint, BridgeNetwork, Endpoint, EndpointWishes, PlainEndpoint } from './types.ts';

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

/** An endpoint of `host` or `none`, which grant no wishes. */
export function planPlainEndpoint(
  containerId: string,
  network: string,
  driver: PlainEndpoint['driver'],
  wishes: ParsedWishes,
): PlainEndpoint {
  if (wishes.address !== undefined || wishes.mac !== undefined) {
    throw new OrlopError('invalid-argument', 'NETWORK_WISH_IMPOSSIBLE', `a container in network ${network} cannot choose its address`, {
      hint: 'choose addresses on a bridge network',
    });
  }
  return { id: newEndpointId(), containerId, network, driver };
}

/** A new endpoint on a bridge whose subnet is known; fails as `allocateAddress` does. Pure but for its random names. */
export function planBridgeEndpoint(
  prefix: string,
  containerId: string,
  network: BridgeNetwork,
  endpoints: readonly Endpoint[],
  wishes: ParsedWishes,
): BridgeEndpoint {
  const cidr = parseCidr(network.subnet ?? '');
  if (cidr === null || network.gateway === undefined) {
    throw new OrlopError('internal', 'NETWORK_SUBNET_UNKNOWN', `network ${network.name} has no subnet`);
  }
  const onBridges = endpoints.filter((endpoint) => endpoint.driver === 'bridge');
  const used = onBridges
    .filter((endpoint) => endpoint.network === network.name)
    .map((endpoint) => parseAddress(endpoint.address)?.value ?? 0n);
  const address = allocateAddress(cidr.subnet, used, wishes.address);
  return {
    id: newEndpointId(),
    containerId,
    network: network.name,
    driver: 'bridge',
    bridge: network.link,
    hostLink: newHostLink(prefix, new Set(onBridges.map((endpoint) => endpoint.hostLink))),
    containerLink: 'eth0',
    address: formatAddress(address),
    prefixLength: cidr.subnet.prefixLength,
    gateway: network.gateway,
    mac: wishes.mac ?? formatMac(macOf(address)),
  };
}

/** Fails with `conflict` when a container that has an endpoint asks for it again with wishes that it does not fulfil. */
export function checkSameWishes(endpoint: Endpoint, wishes: ParsedWishes): void {
  const address = wishes.address === undefined ? undefined : formatAddress(wishes.address);
  const has = endpoint.driver === 'bridge' ? endpoint : { address: undefined, mac: undefined };
  if ((address ?? has.address) === has.address && (wishes.mac ?? has.mac) === has.mac) return;
  throw new OrlopError(
    'conflict',
    'NETWORK_ENDPOINT_EXISTS',
    `container ${endpoint.containerId} already has another address in network ${endpoint.network}`,
    {
      hint: 'release its endpoint first',
    },
  );
}
