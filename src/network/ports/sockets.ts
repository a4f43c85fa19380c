import { isErrno } from '#errors';
import { formatAddress, type Address } from '../addresses.ts';
import { protocolNumbers } from '../firewall/forwards.ts';
import type { NetworkCalls } from '../types.ts';
import type { PortProtocol } from './types.ts';

/** One port of the host. */
export interface HostPort {
  readonly protocol: PortProtocol;
  /** The family's zero is every address. */
  readonly address: Address;
  readonly port: number;
}

/** The container that has the port, or another program; null: taken for the container that asked. */
export type Holder = { readonly containerId: string } | 'another program' | null;

/** The host's ports that containers have. Each is held by a socket that serves nothing, so that no other program takes it. */
export interface HostPorts extends Disposable {
  /** Takes a port that nobody has. Fails with `not-found` (EADDRNOTAVAIL: the host has no such address), `permission-denied` and the like. */
  take(containerId: string, port: HostPort): Holder;
  /** Gives it to the container whatever other programs do; false: one of them has it. */
  insist(containerId: string, port: HostPort): boolean;
  /**
   * Lends a socket of the container's port to be served. From then on it belongs to who asked, and is to be closed by them before the port is released, or lent again. null: another
   * program has the port, or it is lent.
   */
  lend(containerId: string, port: HostPort): number | null;
  /** It is the container's, and somebody else serves it. Idempotent. */
  claim(containerId: string, port: HostPort): void;
  of(containerId: string): HostPort[];
  release(containerId: string, ports: readonly HostPort[]): void;
}

interface Claim {
  readonly containerId: string;
  readonly hostPort: HostPort;
  /** null: not held by a socket of ours, or it is lent. */
  descriptor: number | null;
}

/** Beyond, a port is only looked at and not held: descriptors are for containers too. */
const mostSockets = 4_096;

export function openHostPorts(addon: Pick<NetworkCalls, 'holdPort' | 'serveHeldPort' | 'close'>, limit = mostSockets): HostPorts {
  /** By protocol, family and port; several when they are of different addresses. */
  const byPort = new Map<string, Set<Claim>>();
  const byContainer = new Map<string, Set<Claim>>();
  let sockets = 0;
  const bind = ({ protocol, address, port }: HostPort): number | null => {
    const descriptor = holdPort(addon, protocol, formatAddress(address), port);
    if (descriptor === null || sockets < limit) {
      sockets += descriptor === null ? 0 : 1;
      return descriptor;
    }
    addon.close(descriptor);
    return null;
  };
  /** For a port whose socket was lent and has been closed since, or that was only looked at. */
  const bindAgain = ({ protocol, address, port }: HostPort): number | null => {
    try {
      return holdPort(addon, protocol, formatAddress(address), port);
    } catch (error) {
      if (isErrno(error, 'EADDRINUSE')) return null;
      throw error;
    }
  };
  const enter = (claim: Claim): void => {
    add(byPort, keyOf(claim.hostPort), claim);
    add(byContainer, claim.containerId, claim);
  };
  const claimsOf = (containerId: string, hostPort: HostPort): Claim[] =>
    [...(byPort.get(keyOf(hostPort)) ?? [])].filter(
      (claim) => claim.containerId === containerId && claim.hostPort.address.value === hostPort.address.value,
    );
  const drop = (claim: Claim): void => {
    remove(byPort, keyOf(claim.hostPort), claim);
    remove(byContainer, claim.containerId, claim);
    if (claim.descriptor === null) return;
    addon.close(claim.descriptor);
    sockets -= 1;
  };
  return {
    take(containerId, hostPort) {
      const claim = [...(byPort.get(keyOf(hostPort)) ?? [])].find((other) => overlap(other.hostPort.address, hostPort.address));
      if (claim !== undefined) return { containerId: claim.containerId };
      try {
        enter({ containerId, hostPort, descriptor: bind(hostPort) });
        return null;
      } catch (error) {
        if (isErrno(error, 'EADDRINUSE')) return 'another program';
        throw error;
      }
    },
    insist(containerId, hostPort) {
      try {
        enter({ containerId, hostPort, descriptor: bind(hostPort) });
        return true;
      } catch {
        enter({ containerId, hostPort, descriptor: null });
        return false;
      }
    },
    claim(containerId, hostPort) {
      if (claimsOf(containerId, hostPort).length === 0) enter({ containerId, hostPort, descriptor: null });
    },
    of: (containerId) => Array.from(byContainer.get(containerId) ?? [], ({ hostPort }) => hostPort),
    lend(containerId, hostPort) {
      const claims = claimsOf(containerId, hostPort);
      const claim = claims.find(({ descriptor }) => descriptor !== null);
      const descriptor = claim?.descriptor ?? (claims.length === 0 ? null : bindAgain(hostPort));
      if (descriptor === null) return null;
      addon.serveHeldPort(descriptor);
      if (claim === undefined) return descriptor;
      claim.descriptor = null;
      sockets -= 1;
      return descriptor;
    },
    release(containerId, hostPorts) {
      for (const claim of hostPorts.flatMap((hostPort) => claimsOf(containerId, hostPort))) drop(claim);
    },
    [Symbol.dispose]() {
      for (const claim of [...byContainer.values()].flatMap((claims) => [...claims])) drop(claim);
    },
  };
}

function add(index: Map<string, Set<Claim>>, key: string, claim: Claim): void {
  index.set(key, (index.get(key) ?? new Set()).add(claim));
}

function remove(index: Map<string, Set<Claim>>, key: string, claim: Claim): void {
  const claims = index.get(key);
  claims?.delete(claim);
  if (claims?.size === 0) index.delete(key);
}

/** null on a kernel without the protocol: then nobody can take the port. */
function holdPort(addon: Pick<NetworkCalls, 'holdPort'>, protocol: PortProtocol, address: string, port: number): number | null {
  try {
    return addon.holdPort(protocolNumbers[protocol], address, port);
  } catch (error) {
    if (protocol === 'sctp' && isErrno(error, 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT')) return null;
    throw error;
  }
}

function keyOf({ protocol, address, port }: HostPort): string {
  return `${protocol} ${address.family} ${port}`;
}

function overlap(a: Address, b: Address): boolean {
  return a.value === 0n || b.value === 0n || a.value === b.value;
}
