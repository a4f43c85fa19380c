import {
  addressToBytes,
  contains,
  formatAddress,
  formatSubnet,
  lastAddress,
  parseAddress,
  parseCidr,
  type Address,
  type Subnet,
} from './addresses.ts';
import { OrlopError } from '#errors';
import type { AddressPool } from './types.ts';

/** A pool as numbers. */
export interface AddressSpace {
  readonly subnet: Subnet;
  /** Where addresses are chosen from. */
  readonly range: Subnet;
  /** The gateway's and the auxiliary ones: never given. */
  readonly kept: ReadonlySet<bigint>;
}

/** Fails with `data-loss` on a stored pool that is none. */
export function addressSpaceOf(pool: AddressPool): AddressSpace {
  const subnet = parseCidr(pool.subnet)?.subnet;
  const range = pool.range === undefined ? subnet : parseCidr(pool.range)?.subnet;
  const kept = [...(pool.gateway === undefined ? [] : [pool.gateway]), ...Object.values(pool.auxiliary ?? {})].map(parseAddress);
  if (subnet === undefined || range === undefined || kept.includes(null)) {
    throw new OrlopError('data-loss', 'NETWORK_POOL_BAD', `a network has the subnet '${pool.subnet}', which cannot be read`);
  }
  return { subnet, range, kept: new Set(kept.map((address) => address?.value ?? 0n)) };
}

/** Whether the address is the subnet's own: its base (IPv6's router anycast, RFC 4291) or IPv4's broadcast. Subnets of one or two addresses have none. */
export function isSubnetsOwn(subnet: Subnet, { value }: Address): boolean {
  if (subnet.prefixLength >= (subnet.family === 4 ? 31 : 127)) return false;
  return value === subnet.base || (subnet.family === 4 && value === lastAddress(subnet).value);
}

/** The lowest address of the range, from this one on, that is neither kept nor taken; null when there is none. Pure. */
export function lowestFree(space: AddressSpace, from: bigint, isTaken: (value: bigint) => boolean): Address | null {
  const { family } = space.range;
  const last = lastAddress(space.range).value;
  for (let value = from > space.range.base ? from : space.range.base; value <= last; value += 1n) {
    const address: Address = { family, value };
    if (!space.kept.has(value) && !isTaken(value) && !isSubnetsOwn(space.subnet, address)) return address;
  }
  return null;
}

/** Fails with `invalid-argument` on an address that no container can have in this space. Pure. */
export function checkAddress(space: AddressSpace, wanted: Address): void {
  if (!isSubnetsOwn(space.subnet, wanted) && !space.kept.has(wanted.value)) return;
  throw new OrlopError(
    'invalid-argument',
    'NETWORK_ADDRESS_RESERVED',
    `address ${formatAddress(wanted)} is reserved in ${formatSubnet(space.subnet)}`,
    { hint: "a subnet's first and last address, its gateway and its auxiliary addresses belong to the network itself" },
  );
}

/** The first of the spaces that the address is in. Pure. */
export function spaceOf(spaces: readonly AddressSpace[], address: Address): AddressSpace | undefined {
  return spaces.find(({ subnet }) => contains(subnet, address));
}

/**
 * A locally administered unicast hardware address that follows from an IP address, so that neighbours' caches stay right when a container comes
 * back: 02:4f and the last four bytes.
 */
export function macOf(address: Address): Uint8Array {
  return Uint8Array.of(0x02, 0x4f, ...addressToBytes(address).subarray(-4));
}

/** Six bytes of `02:4f:ac:11:00:02`; null when malformed. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return null;
  return Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
}

export function formatMac(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Whether a link may have this address: neither multicast nor all zero. */
export function isUnicastMac(bytes: Uint8Array): boolean {
  return bytes.length === 6 && ((bytes[0] ?? 1) & 1) === 0 && bytes.some((byte) => byte !== 0);
}
