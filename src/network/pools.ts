import { OrlopError } from '#errors';
import { formatSubnet, overlaps, parseCidr, type Subnet } from './addresses.ts';

/**
 * The subnets that networks are made from, in the order of Docker's default address pools: 172.17.0.0/16 to 172.31.0.0/16, then
 * 192.168.0.0/20 to 192.168.240.0/20.
 */
export function defaultPool(): Subnet[] {
  const large = Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`);
  const small = Array.from({ length: 16 }, (_, index) => `192.168.${16 * index}.0/20`);
  return [...large, ...small].map((text) => {
    const cidr = parseCidr(text);
    if (cidr === null) throw new OrlopError('internal', 'NETWORK_POOL_BAD', `address pool holds ${text}`);
    return cidr.subnet;
  });
}

/** How many networks with IPv6 are looked at before giving up: some may be in use by the host. */
const localSubnets = 4_096;

/** The /64 subnets of the engine's own /48. */
export function localPool(local: Subnet): Subnet[] {
  return Array.from({ length: localSubnets }, (_, index) => ({ family: 6, base: local.base + (BigInt(index) << 64n), prefixLength: 64 }));
}

/** A /48 that nobody else has, by chance: fd and forty random bits (RFC 4193). `bytes`: five of them. */
export function localSubnet(bytes: Uint8Array): Subnet {
  const base = bytes.subarray(0, 5).reduce((value, byte) => (value << 8n) | BigInt(byte), 0xfdn) << 80n;
  return { family: 6, base, prefixLength: 48 };
}

/**
 * The first subnet of the pool that overlaps nothing in `avoid`: the host's routes (without the default ones), its addresses, its
 * nameservers, our other networks. Pure and deterministic. Fails with `resource-exhausted`.
 */
export function chooseSubnet(avoid: readonly Subnet[], pool: readonly Subnet[] = defaultPool()): Subnet {
  const chosen = pool.find((candidate) => !avoid.some((used) => overlaps(candidate, used)));
  if (chosen !== undefined) return chosen;
  const [first, last] = [pool[0], pool.at(-1)].map((subnet) => (subnet === undefined ? 'nothing' : formatSubnet(subnet)));
  // The beginning is Docker's, which clients look for.
  const words = 'all predefined address pools have been fully subnetted: each subnet overlaps one that the host or another network uses';
  throw new OrlopError('resource-exhausted', 'NETWORK_POOL_EMPTY', words, {
    hint: `remove networks, choose a subnet yourself, or look at \`ip route\`: ${first} to ${last} are all taken`,
  });
}
