import { isErrno, isOrlopError, OrlopError } from '#errors';
import { formatAddress, parseAddress, type Address } from '../addresses.ts';
import type { Endpoint } from '../types.ts';
import type { FreePorts } from './free-ports.ts';
import type { Holder, HostPort, HostPorts } from './sockets.ts';
import type { PortWish, PublishedPort } from './types.ts';

/** What a choice is made with. */
export interface ChoiceContext {
  readonly hostPorts: HostPorts;
  readonly freePorts: FreePorts;
  /** Where to publish what names no address. */
  readonly defaults: readonly Address[];
  /** Whether the container's own addresses of this family are published, not the host's. */
  readonly isRouted: (family: 4 | 6) => boolean;
  /** Those of the container. */
  readonly endpoints: readonly Endpoint[];
  /** Whether the host itself has IPv6. */
  readonly hasIpv6: boolean;
}

/** A wish and the addresses that it is about: one port for all of them. */
interface Plan {
  readonly wish: PortWish;
  /** Without those of a routed family: they need no port of the host. */
  readonly addresses: readonly Address[];
  readonly routed: readonly Address[];
  readonly place: number;
}

/** Takes a port for each wish, in the wishes' order; those that leave less choice come first. All or none. Fails as `Ports.reserve`. */
export function choosePorts(context: ChoiceContext, containerId: string, wishes: readonly PortWish[]): PublishedPort[] {
  const plans = wishes.map((wish, place): Plan => {
    const all = addressesOf(context, containerId, wish);
    const { routed = [], addresses = [] } = Object.groupBy(all, ({ family }) => (context.isRouted(family) ? 'routed' : 'addresses'));
    return { wish, place, addresses, routed };
  });
  using undo = new DisposableStack();
  const chosen: PublishedPort[][] = [];
  for (const plan of plans.toSorted((a, b) => freedom(a.wish) - freedom(b.wish))) {
    const ports = plan.addresses.length === 0 ? [] : takePort(context, containerId, plan);
    undo.defer(() => context.hostPorts.release(containerId, ports));
    chosen[plan.place] = [...plan.routed.map((address) => ({ address, port: 0 })), ...ports].map(({ address, port }) => ({
      containerPort: plan.wish.containerPort,
      protocol: plan.wish.protocol,
      hostAddress: formatAddress(address),
      hostPort: port,
    }));
  }
  undo.move();
  return chosen.flat();
}

function freedom({ hostPort }: PortWish): number {
  return hostPort === undefined ? 65_536 : hostPort.last - hostPort.first;
}

/**
 * Fails with `invalid-argument` on an address that is none, or of a family by which nobody reaches the container. What comes by IPv6 to one that has only an IPv4 address is carried
 * there by a process, which knows nothing of SCTP.
 */
function addressesOf(
  { defaults, endpoints, hasIpv6, isRouted }: ChoiceContext,
  containerId: string,
  { hostAddress, containerPort, protocol }: PortWish,
): readonly Address[] {
  const has4 = endpoints.some(({ address }) => address !== undefined);
  const has6 = endpoints.some(({ address6 }) => address6 !== undefined);
  const reaches = (family: 4 | 6): boolean => (family === 4 ? has4 : has6 || (has4 && !isRouted(4) && hasIpv6 && protocol !== 'sctp'));
  const wanted = hostAddress === undefined ? undefined : parseAddress(hostAddress);
  if (wanted === null) {
    throw new OrlopError('invalid-argument', 'NETWORK_PORT_ADDRESS_BAD', `'${hostAddress}' is not an IP address`, {
      hint: 'write it like 127.0.0.1 or ::1',
    });
  }
  const addresses = wanted === undefined ? defaults.filter(({ family }) => reaches(family)) : [wanted];
  if (addresses.length > 0 && addresses.every(({ family }) => reaches(family))) return addresses;
  const where = wanted === undefined ? '' : ` on ${formatAddress(wanted)}`;
  const family = wanted === undefined ? 'IP' : `IPv${wanted.family}`;
  throw new OrlopError(
    'invalid-argument',
    'NETWORK_PORT_UNREACHABLE',
    `port ${containerPort} of container ${containerId} cannot be published${where}: the container has no ${family} address`,
    { hint: wanted?.family === 6 ? 'connect it to a network with IPv6, or publish on an IPv4 address' : 'connect it to a bridge network' },
  );
}

function takePort(context: ChoiceContext, containerId: string, plan: Plan): HostPort[] {
  const { protocol, hostPort: range } = plan.wish;
  const candidates = range === undefined ? context.freePorts.candidates() : count(range.first, range.last);
  let failed: OrlopError | null = null;
  for (const port of candidates) {
    const wanted = plan.addresses.map((address) => ({ protocol, address, port }));
    failed = takeAll(context, containerId, wanted, plan.wish);
    if (failed === null) return wanted;
  }
  if (failed !== null && range !== undefined && range.first === range.last) throw failed;
  const text = range === undefined ? '' : `:${range.first}-${range.last}`;
  throw new OrlopError(
    'resource-exhausted',
    'NETWORK_PORTS_EXHAUSTED',
    `Bind for ${describe(plan.addresses[0])}${text} failed: all ports are allocated`,
    {
      hint: 'publish another range, or remove containers that are no longer needed',
    },
  );
}

/** null: all are taken for the container. Else none is. */
function takeAll(context: ChoiceContext, containerId: string, wanted: readonly HostPort[], wish: PortWish): OrlopError | null {
  using undo = new DisposableStack();
  for (const hostPort of wanted) {
    const holder = take(context.hostPorts, containerId, hostPort);
    if (holder !== null) return describeConflict(context, hostPort, wish, holder);
    undo.defer(() => context.hostPorts.release(containerId, [hostPort]));
  }
  undo.move();
  return null;
}

function take(hostPorts: HostPorts, containerId: string, hostPort: HostPort): Holder {
  try {
    return hostPorts.take(containerId, hostPort);
  } catch (cause) {
    const { address, port, protocol } = hostPort;
    const where = `${describe(address)}:${port}/${protocol}`;
    if (isErrno(cause, 'EADDRNOTAVAIL')) {
      const message = `failed to bind host port ${where}: cannot assign requested address`;
      throw new OrlopError('invalid-argument', 'NETWORK_PORT_ADDRESS_FOREIGN', message, {
        hint: 'publish on an address that the host has',
        cause,
      });
    }
    const reason = isOrlopError(cause) ? cause.message : String(cause);
    throw new OrlopError(
      isOrlopError(cause) ? cause.kind : 'internal',
      'NETWORK_PORT_FAILED',
      `failed to bind host port ${where}: ${reason}`,
      { cause },
    );
  }
}

/** In the words that clients of Docker look for. */
function describeConflict({ endpoints }: ChoiceContext, hostPort: HostPort, wish: PortWish, holder: Exclude<Holder, null>): OrlopError {
  const { address, port, protocol } = hostPort;
  const where = `${describe(address)}:${port}`;
  if (holder !== 'another program') {
    return new OrlopError('conflict', 'NETWORK_PORT_ALLOCATED', `Bind for ${where} failed: port is already allocated`, {
      hint: `container ${holder.containerId.slice(0, 12)} has it`,
    });
  }
  const own = endpoints
    .map((endpoint) => (address.family === 4 ? endpoint.address : (endpoint.address6 ?? endpoint.address)))
    .find((text) => text !== undefined);
  const target = own === undefined ? '' : `:${describe(parseAddress(own))}:${wish.containerPort}`;
  return new OrlopError(
    'conflict',
    'NETWORK_PORT_IN_USE',
    `failed to bind host port for ${where}${target}/${protocol}: address already in use`,
    {
      hint: `another program of this host has it: ss -lnp 'sport = :${port}'`,
    },
  );
}

/** `[::]`, `0.0.0.0`. */
function describe(address: Address | undefined | null): string {
  if (address === undefined || address === null) return '';
  return address.family === 6 ? `[${formatAddress(address)}]` : formatAddress(address);
}

function* count(first: number, last: number): Iterable<number> {
  for (let port = first; port <= last; port += 1) yield port;
}
