import { addressAt, addressToBytes, contains, formatAddress, lastAddress, type Address, type Subnet } from './addresses.ts';
import { OrlopError } from '#errors';

/** The address that the bridge itself takes: the first of its subnet. */
export function gatewayOf(subnet: Subnet): Address {
  return addressAt(subnet, 1n);
}

/**
 * Chooses an address in the subnet: the wanted one, or the lowest that is free. The base, the gateway and IPv4's broadcast are never given.
 * Pure: what is in use comes from the endpoints, so releasing is forgetting.
 * Fails with `invalid-argument` (the wish is outside or reserved), `conflict` (it is taken), `resource-exhausted` (none left).
 */
export function allocateAddress(subnet: Subnet, used: Iterable<bigint>, wanted?: Address): Address {
  const taken = new Set(used);
  const first = subnet.base + 2n;
  const last = lastAddress(subnet).value - (subnet.family === 4 ? 1n : 0n);
  if (wanted !== undefined) return checkWanted(subnet, wanted, taken, first, last);
  for (let value = first; value <= last; value += 1n) {
    if (!taken.has(value)) return { family: subnet.family, value };
  }
  const range = `${formatAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefixLength}`;
  throw new OrlopError('resource-exhausted', 'NETWORK_SUBNET_FULL', `no address is left in ${range}`, {
    hint: 'remove containers that are no longer needed',
  });
}

/**
 * A locally administered unicast hardware address that follows from the IPv4 address, so that neighbours' caches stay right when a container comes
 * back: 02:4f and the four bytes.
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

function checkWanted(subnet: Subnet, wanted: Address, taken: ReadonlySet<bigint>, first: bigint, last: bigint): Address {
  const text = formatAddress(wanted);
  const range = `${formatAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefixLength}`;
  if (!contains(subnet, wanted)) {
    throw new OrlopError('invalid-argument', 'NETWORK_ADDRESS_OUTSIDE', `address ${text} is outside the network's subnet ${range}`, {
      hint: `choose an address in ${range}`,
    });
  }
  if (wanted.value < first || wanted.value > last) {
    throw new OrlopError('invalid-argument', 'NETWORK_ADDRESS_RESERVED', `address ${text} is reserved in ${range}`, {
      hint: 'the first two addresses and the last one belong to the network itself',
    });
  }
  if (taken.has(wanted.value)) {
    throw new OrlopError('conflict', 'NETWORK_ADDRESS_TAKEN', `address ${text} is already in use`, { hint: 'choose another, or none' });
  }
  return wanted;
}
