import { OrlopError } from '#errors';
import { contains, formatAddress, parseAddress, parseCidr, type Address } from './addresses.ts';
import { isLinkName } from './driver-options.ts';
import { formatMac, isUnicastMac, parseMac } from './ipam.ts';
import type { Endpoint, EndpointWishes, NetworkRecord } from './types.ts';

/** A setting of the kernel for one link: `net.ipv4.conf.IFNAME.log_martians`, with the link's name for IFNAME. */
export interface LinkSetting {
  readonly name: string;
  readonly value: string;
}

/** Wishes for an endpoint, understood. */
export interface ParsedWishes {
  readonly address: Address | undefined;
  readonly address6: Address | undefined;
  readonly linkLocal: readonly Address[];
  readonly mac: string | undefined;
  readonly link: string | undefined;
  readonly settings: readonly LinkSetting[];
}

const optionSpace = 'com.docker.network.endpoint.';

/** Fails with `invalid-argument` on what cannot be, `unimplemented` on options of endpoints that are not supported. Pure. */
export function parseWishes(wanted: EndpointWishes): ParsedWishes {
  const options = wanted.driverOptions ?? {};
  const unknown = Object.keys(options).find((name) => name.startsWith(optionSpace) && !/\.(ifname|sysctls)$/.test(name));
  if (unknown !== undefined) {
    throw new OrlopError('unimplemented', 'NETWORK_OPTION_UNSUPPORTED', `endpoint option ${unknown} is not supported`, {
      hint: `there are ${optionSpace}ifname and ${optionSpace}sysctls`,
    });
  }
  return {
    address: addressOf(wanted.address, 4),
    address6: addressOf(wanted.address6, 6),
    linkLocal: (wanted.linkLocal ?? []).map(linkLocalOf),
    mac: macOf(wanted.mac),
    link: linkOf(wanted.link ?? options[`${optionSpace}ifname`]),
    settings: settingsOf(options[`${optionSpace}sysctls`]),
  };
}

/**
 * Without an address of a family that the network has subnets of but does not use: Docker's engine takes such a wish and shows it, and gives no address. Pure.
 */
export function wishesIn({ ipv4, ipv6, unusedPools = [] }: NetworkRecord, wishes: ParsedWishes): ParsedWishes {
  const isVain = (address: Address | undefined): boolean =>
    address !== undefined &&
    unusedPools.some(({ subnet }) => {
      const parsed = parseCidr(subnet)?.subnet;
      return parsed !== undefined && contains(parsed, address);
    });
  return {
    ...wishes,
    ...(!ipv4 && isVain(wishes.address) ? { address: undefined } : {}),
    ...(!ipv6 && isVain(wishes.address6) ? { address6: undefined } : {}),
  };
}

/** Fails with `conflict` when a container that has an endpoint asks for it again with wishes that it does not fulfil. Pure. */
export function checkSameWishes(endpoint: Endpoint, wishes: ParsedWishes): void {
  const text = (address: Address | undefined): string | undefined => (address === undefined ? undefined : formatAddress(address));
  const asked = [text(wishes.address), text(wishes.address6), wishes.mac, wishes.link];
  const has = [endpoint.address, endpoint.address6, endpoint.mac, endpoint.link];
  if (asked.every((wish, index) => wish === undefined || wish === has[index])) return;
  throw new OrlopError(
    'conflict',
    'NETWORK_ENDPOINT_EXISTS',
    `container ${endpoint.containerId} already has another address in network ${endpoint.network}`,
    { hint: 'release its endpoint first' },
  );
}

function addressOf(text: string | undefined, family: 4 | 6): Address | undefined {
  if (text === undefined || text === '') return undefined;
  const address = parseAddress(text);
  // No wire carries IPv4-mapped addresses (RFC 4291, 2.5.5.2).
  if (address?.family === family && !(family === 6 && address.value >> 32n === 0xffffn)) return address;
  const hint = family === 4 ? 'write it like 172.18.0.5' : 'write it like fd00::5';
  throw new OrlopError('invalid-argument', 'NETWORK_ADDRESS_BAD', `invalid IPv${family} address: ${text}`, { hint });
}

/** The subnets that addresses of one link are from (RFC 3927, RFC 4291). */
function linkLocalOf(text: string): Address {
  const address = parseAddress(text);
  if (address !== null && (address.family === 4 ? address.value >> 16n === 0xa9fen : address.value >> 118n === 0x3fan)) return address;
  throw new OrlopError('invalid-argument', 'NETWORK_ADDRESS_BAD', `invalid link-local IP address: ${text}`, {
    hint: 'write it like 169.254.0.5 or fe80::5',
  });
}

function macOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const mac = parseMac(text);
  if (mac !== null && isUnicastMac(mac)) return formatMac(mac);
  throw new OrlopError('invalid-argument', 'NETWORK_MAC_BAD', `'${text}' is not a unicast hardware address`, {
    hint: 'write it like 02:4f:ac:11:00:05',
  });
}

function linkOf(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (isLinkName(text) && text !== 'lo') return text;
  throw new OrlopError('invalid-argument', 'NETWORK_LINK_NAME_BAD', `an interface of a container cannot be called '${text}'`, {
    hint: 'use at most 15 letters, digits, dots and dashes',
  });
}

/** `net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=0`. */
function settingsOf(text: string | undefined): LinkSetting[] {
  if (text === undefined || text === '') return [];
  return text.split(',').map((entry) => {
    const [, name, value] =
      /^(net\.(?:ipv4|ipv6|mpls)\.(?:conf|neigh|input)?\.?IFNAME\.[a-z0-9_]+)=([-0-9a-z. ]+)$/i.exec(entry.trim()) ?? [];
    if (name !== undefined && value !== undefined) return { name: name.replace(/\.ifname\./i, '.IFNAME.'), value };
    throw new OrlopError('invalid-argument', 'NETWORK_SETTING_BAD', `'${entry}' is no setting of an interface`, {
      hint: 'write it like net.ipv4.conf.IFNAME.log_martians=1',
    });
  });
}
