import { OrlopError } from '#errors';
import { contains, formatAddress, formatSubnet, overlaps, parseAddress, parseCidr, type Address, type Subnet } from './addresses.ts';
import { isSubnetsOwn, lowestFree } from './ipam.ts';
import { chooseSubnet, localPool } from './pools.ts';
import type { AddressPool, NetworkRequest } from './types.ts';

/** What the addresses of a new network must keep clear of. */
export interface AddressFacts {
  /** Subnets of other networks of this engine. */
  readonly networks: readonly Subnet[];
  /** Subnets that the host uses. */
  readonly host: readonly Subnet[];
  /** The engine's own /48 for IPv6 (RFC 4193). */
  readonly local: Subnet;
}

export interface AddressPlan {
  readonly pools: readonly AddressPool[];
  /** Those of a family that is not enabled. */
  readonly unused: readonly AddressPool[];
  readonly warnings: readonly string[];
}

/** By family: whether the network's own link has an address, which is then its gateway. */
export type GatewayWishes = Readonly<Record<4 | 6, boolean>>;

/**
 * The pools of a new network, IPv4 first: those that were asked for, checked, and one of each family that was not. Pure.
 * Fails with `invalid-argument` (all that is wrong at once), `conflict` (in use by another network), `resource-exhausted`.
 */
export function planPools(
  request: Pick<NetworkRequest, 'name' | 'pools' | 'ipv4' | 'ipv6'>,
  facts: AddressFacts,
  hasGateway: GatewayWishes,
): AddressPlan {
  const warnings: string[] = [];
  const wanted = checkPools(request.pools ?? []);
  const isOn = (family: 4 | 6): boolean => (family === 4 ? request.ipv4 !== false : request.ipv6 === true);
  const pools: AddressPool[] = [];
  const unused: AddressPool[] = [];
  for (const [pool, subnet] of wanted) {
    if (!isOn(subnet.family)) {
      unused.push(pool);
      warnings.push(`subnet ${pool.subnet} is left out: IPv${subnet.family} is not enabled for network ${request.name}`);
      continue;
    }
    checkFree(subnet, [...facts.networks, ...pools.flatMap((other) => parseCidr(other.subnet)?.subnet ?? [])]);
    if (facts.host.some((other) => overlaps(other, subnet))) warnings.push(`subnet ${pool.subnet} overlaps one that the host uses`);
    pools.push(withGateway(pool, subnet, hasGateway));
  }
  for (const family of [4, 6] as const) {
    if (!isOn(family) || wanted.some(([, subnet]) => subnet.family === family)) continue;
    const subnet = chooseSubnet([...facts.host, ...facts.networks], family === 4 ? undefined : localPool(facts.local));
    pools.push(withGateway({ subnet: formatSubnet(subnet) }, subnet, hasGateway));
  }
  return { pools: pools.toSorted((a, b) => Number(a.subnet.includes(':')) - Number(b.subnet.includes(':'))), unused, warnings };
}

function checkFree(subnet: Subnet, others: readonly Subnet[]): void {
  const other = others.find((one) => overlaps(one, subnet));
  if (other === undefined) return;
  const words = 'invalid pool request: Pool overlaps with other one on this address space';
  throw new OrlopError('conflict', 'NETWORK_POOL_OVERLAPS', words, {
    hint: `${formatSubnet(subnet)} overlaps ${formatSubnet(other)}, which another network has`,
  });
}

/** Those that name a subnet, with it, checked. One that names nothing asks for any. Fails with `invalid-argument`. Pure. */
export function checkPools(pools: readonly Partial<AddressPool>[]): [AddressPool, Subnet][] {
  const faults: string[] = [];
  const good = pools.flatMap((pool): [AddressPool, Subnet][] => {
    const { subnet: text, gateway, range, auxiliary } = clean(pool);
    if (text === undefined) {
      if (gateway !== undefined || range !== undefined || auxiliary !== undefined) faults.push(missingSubnet(gateway, range));
      return [];
    }
    const cidr = parseCidr(text);
    if (cidr === null) faults.push(`invalid subnet ${text}: invalid CIDR block notation`);
    const found = cidr === null ? [] : faultsOf({ ...pool, subnet: text }, cidr.address, cidr.subnet);
    faults.push(...found);
    if (cidr === null || found.length > 0) return [];
    const whole = { subnet: formatSubnet(cidr.subnet), ...canonical({ gateway, range, auxiliary }) };
    return [[whole, cidr.subnet]];
  });
  if (faults.length === 0) return good;
  throw new OrlopError('invalid-argument', 'NETWORK_POOL_BAD', `invalid network config:\n${faults.join('\n')}`, {
    hint: 'write a subnet like 172.28.0.0/16, its gateway like 172.28.0.1, a range of it like 172.28.5.0/24',
  });
}

/** Clients send empty texts for what they leave out. */
function clean({ subnet, gateway, range, auxiliary }: Partial<AddressPool>): Partial<AddressPool> {
  const some = (text: string | undefined): boolean => text !== undefined && text !== '';
  return {
    ...(some(subnet) && subnet !== undefined ? { subnet } : {}),
    ...(some(gateway) && gateway !== undefined ? { gateway } : {}),
    ...(some(range) && range !== undefined ? { range } : {}),
    ...(auxiliary === undefined || Object.keys(auxiliary).length === 0 ? {} : { auxiliary }),
  };
}

function missingSubnet(gateway: string | undefined, range: string | undefined): string {
  if (gateway !== undefined) return `no matching subnet for gateway ${gateway}`;
  return range === undefined ? 'no matching subnet for the auxiliary addresses' : `no matching subnet for range ${range}`;
}

/** Addresses in one way of writing. */
function canonical(pool: { [K in 'gateway' | 'range' | 'auxiliary']: AddressPool[K] | undefined }): Partial<AddressPool> {
  const address = (text: string): string => formatAddress(parseAddress(text) ?? { family: 4, value: 0n });
  const { gateway, range, auxiliary } = pool;
  return {
    ...(gateway === undefined ? {} : { gateway: address(gateway) }),
    ...(range === undefined ? {} : { range }),
    ...(auxiliary === undefined
      ? {}
      : { auxiliary: Object.fromEntries(Object.entries(auxiliary).map(([name, text]) => [name, address(text)])) }),
  };
}

function faultsOf(pool: Partial<AddressPool>, written: Address, subnet: Subnet): string[] {
  const { gateway, range, auxiliary = {} } = clean(pool);
  const faults: string[] = [];
  if (written.value !== subnet.base) faults.push(`invalid subnet ${pool.subnet}: it should be ${formatSubnet(subnet)}`);
  if (isSpecial(subnet)) faults.push(`invalid subnet ${pool.subnet}: containers cannot have its addresses`);
  if (range !== undefined) faults.push(...rangeFaults(range, subnet));
  if (gateway !== undefined) faults.push(...addressFaults(`gateway ${gateway}`, gateway, subnet));
  for (const [name, text] of Object.entries(auxiliary)) faults.push(...addressFaults(`auxiliary address ${name}`, text, subnet));
  const all = [...(gateway === undefined ? [] : [gateway]), ...Object.values(auxiliary)].map((text) => parseAddress(text)?.value);
  if (faults.length === 0 && new Set(all).size < all.length) faults.push('invalid auxiliary addresses: an address is given twice');
  return faults;
}

function rangeFaults(text: string, subnet: Subnet): string[] {
  const range = parseCidr(text);
  if (range === null) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (range.subnet.family !== subnet.family) return [`invalid ip-range ${text}: parent subnet is an IPv${subnet.family} block`];
  const faults: string[] = [];
  const parent = formatSubnet(subnet);
  if (range.subnet.prefixLength < subnet.prefixLength) {
    faults.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${parent}`);
  }
  if (range.address.value !== range.subnet.base) faults.push(`invalid ip-range ${text}: it should be ${formatSubnet(range.subnet)}`);
  if (!overlaps(range.subnet, subnet)) faults.push(`invalid ip-range ${text}: parent subnet ${parent} doesn't contain ip-range`);
  return faults;
}

function addressFaults(what: string, text: string, subnet: Subnet): string[] {
  const address = parseAddress(text);
  if (address === null) return [`invalid ${what}: invalid address`];
  if (address.family !== subnet.family) return [`invalid ${what}: parent subnet is an IPv${subnet.family} block`];
  if (!contains(subnet, address)) return [`invalid ${what}: parent subnet ${formatSubnet(subnet)} doesn't contain this address`];
  return isSubnetsOwn(subnet, address) ? [`invalid ${what}: it is the network or broadcast address of ${formatSubnet(subnet)}`] : [];
}

/** Loopback, multicast and what lies above it, and "this network": no link may have such addresses (RFC 6890). */
function isSpecial(subnet: Subnet): boolean {
  const special = subnet.family === 4 ? ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3'] : ['::/127', 'ff00::/8'];
  return special.some((text) => {
    const other = parseCidr(text)?.subnet;
    return other !== undefined && overlaps(other, subnet);
  });
}

function withGateway(pool: AddressPool, subnet: Subnet, hasGateway: GatewayWishes): AddressPool {
  if (pool.gateway !== undefined || !hasGateway[subnet.family]) return pool;
  const kept = new Set(Object.values(pool.auxiliary ?? {}).map((text) => parseAddress(text)?.value ?? 0n));
  const gateway = lowestFree({ subnet, range: subnet, kept }, subnet.base, () => false);
  if (gateway !== null) return { ...pool, gateway: formatAddress(gateway) };
  throw new OrlopError('resource-exhausted', 'NETWORK_SUBNET_FULL', `subnet ${pool.subnet} has no address for a gateway`);
}
