import { OrlopError } from '#errors';
import { overlaps, parseCidr, type Subnet } from './addresses.ts';

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

/**
 * The first subnet of the pool that overlaps nothing in `avoid`: the host's routes (without the default ones), its addresses, its
 * nameservers, our other networks. Pure and deterministic. Fails with `resource-exhausted`.
 */
export function chooseSubnet(avoid: readonly Subnet[], pool: readonly Subnet[] = defaultPool()): Subnet {
  const chosen = pool.find((candidate) => !avoid.some((used) => overlaps(candidate, used)));
  if (chosen !== undefined) return chosen;
  throw new OrlopError('resource-exhausted', 'NETWORK_POOL_EMPTY', 'every subnet of the address pool overlaps one that the host uses', {
    hint: 'look at `ip route`: 172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16 are all taken',
  });
}
