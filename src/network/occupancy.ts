import { OrlopError } from '#errors';
import { formatAddress, parseAddress, type Address } from './addresses.ts';
import { addressSpaceOf, checkAddress, lowestFree, spaceOf, type AddressSpace } from './ipam.ts';
import type { AddressPool, Endpoint, NetworkRecord } from './types.ts';

/** What of a network is given away: its addresses, and the ports of its bridges. It follows from the endpoints, so releasing is forgetting. */
export interface Occupancy {
  add(endpoint: Endpoint): void;
  remove(endpoint: Endpoint): void;
  /**
   * The wanted address, or the lowest that is free, and the pool that it is of; nothing is taken by that. null when the network has no pool of the family.
   * An address that other containers were promised on their wish is given on a wish again: only one of them can be attached at a time.
   * Fails with `invalid-argument` (outside, reserved), `conflict` (taken), `resource-exhausted` (none left).
   */
  choose(family: 4 | 6, wanted?: Address): { readonly address: Address; readonly pool: AddressPool } | null;
  /** How many endpoints are on this bridge. */
  portsOf(bridge: string): number;
}

interface Space extends AddressSpace {
  readonly pool: AddressPool;
  /** How often each address is given away, and how often because it was wished for. */
  readonly taken: Map<bigint, { count: number; wished: number }>;
  /** Below this no address is free. */
  from: bigint;
}

export function createOccupancy(network: Pick<NetworkRecord, 'name' | 'pools'>): Occupancy {
  const spaces = network.pools.map((pool): Space => ({ ...addressSpaceOf(pool), pool, taken: new Map(), from: 0n }));
  const ports = new Map<string, number>();
  const count = (endpoint: Endpoint, by: 1 | -1): void => {
    const { address, address6, wishes, bridge } = endpoint;
    for (const [text, isWished] of [
      [address, wishes.address !== undefined],
      [address6, wishes.address6 !== undefined],
    ] as const) {
      const value = parseAddress(text ?? '');
      const space = value === null ? undefined : (spaceOf(spaces, value) as Space | undefined);
      if (value !== null && space !== undefined) countAddress(space, value.value, by, isWished);
    }
    if (bridge !== undefined) ports.set(bridge, (ports.get(bridge) ?? 0) + by);
  };
  return {
    add: (endpoint) => count(endpoint, 1),
    remove: (endpoint) => count(endpoint, -1),
    choose: (family, wanted) =>
      chooseIn(
        network.name,
        spaces.filter(({ subnet }) => subnet.family === family),
        wanted,
      ),
    portsOf: (bridge) => ports.get(bridge) ?? 0,
  };
}

function countAddress(space: Space, value: bigint, by: 1 | -1, isWished: boolean): void {
  const before = space.taken.get(value) ?? { count: 0, wished: 0 };
  const after = { count: before.count + by, wished: before.wished + (isWished ? by : 0) };
  if (after.count > 0) space.taken.set(value, after);
  else space.taken.delete(value);
  if (after.count === 0 && value < space.from) space.from = value;
}

function chooseIn(network: string, spaces: readonly Space[], wanted: Address | undefined): ReturnType<Occupancy['choose']> {
  if (wanted !== undefined) return chooseWanted(network, spaces, wanted);
  if (spaces.length === 0) return null;
  for (const space of spaces) {
    const address = lowestFree(space, space.from, (value) => space.taken.has(value));
    if (address === null) continue;
    space.from = address.value;
    return { address, pool: space.pool };
  }
  const family = spaces[0]?.subnet.family === 6 ? 'IPv6' : 'IPv4';
  const ranges = spaces.map(({ pool }) => pool.range ?? pool.subnet).join(', ');
  throw new OrlopError('resource-exhausted', 'NETWORK_SUBNET_FULL', `no available ${family} addresses on network ${network}: ${ranges}`, {
    hint: 'remove containers that are no longer needed',
  });
}

function chooseWanted(network: string, spaces: readonly Space[], wanted: Address): ReturnType<Occupancy['choose']> {
  const space = spaceOf(spaces, wanted) as Space | undefined;
  const text = formatAddress(wanted);
  if (space === undefined) {
    const words = `invalid address ${text}: It does not belong to any of this network's subnets`;
    const subnets = spaces.map(({ pool }) => pool.subnet).join(', ');
    throw new OrlopError('invalid-argument', 'NETWORK_ADDRESS_OUTSIDE', words, {
      hint: subnets === '' ? `network ${network} has no subnet of this family` : `choose an address in ${subnets}`,
    });
  }
  checkAddress(space, wanted);
  const { count, wished } = space.taken.get(wanted.value) ?? { count: 0, wished: 0 };
  if (count === wished) return { address: wanted, pool: space.pool };
  throw new OrlopError(
    'conflict',
    'NETWORK_ADDRESS_TAKEN',
    `Address already in use: ${text} belongs to another container of network ${network}`,
    {
      hint: 'choose another, or none',
    },
  );
}
