import { addressToBytes, formatAddress, type Address } from '../addresses.ts';
import type { Element } from '../netlink/netfilter.ts';
import { concatenate } from '../netlink/wire.ts';
import type { PortProtocol } from '../ports/types.ts';
import type { Declaration, SetEntry } from './sets.ts';

/** What comes for this port of the host goes to that of a container; or what comes for the container's own port is let in. */
export interface Forward {
  readonly protocol: PortProtocol;
  /** null: every address of the host. Else of the target's family. */
  readonly hostAddress: Address | null;
  /** 0: none, the target is reached at its own address. */
  readonly hostPort: number;
  readonly target: Address;
  readonly targetPort: number;
}

/** A forward as an entry of its map. */
export interface ForwardEntry extends SetEntry {
  readonly forward: Forward;
}

/** IANA's protocol numbers. */
export const protocolNumbers: Readonly<Record<PortProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

const port = 'inet_proto . inet_service';

/** The port maps: where a port leads to that is published on one address, and on every address of the host; and the ports of containers that are reached at their own addresses. */
export const portMaps: Readonly<Record<string, Declaration>> = {
  ports4: { kind: 'map', type: `ipv4_addr . ${port} : ipv4_addr . inet_service` },
  ports6: { kind: 'map', type: `ipv6_addr . ${port} : ipv6_addr . inet_service` },
  everywhere4: { kind: 'map', type: `${port} : ipv4_addr . inet_service` },
  everywhere6: { kind: 'map', type: `${port} : ipv6_addr . inet_service` },
  opened4: { kind: 'set', type: `ipv4_addr . ${port}` },
  opened6: { kind: 'set', type: `ipv6_addr . ${port}` },
};

/** What the port maps hold for these forwards. Pure. */
export function planForwardEntries(forwards: readonly Forward[]): ForwardEntry[] {
  return forwards.map((forward) => ({ forward, set: mapOf(forward), words: formatForward(forward), elements: [encodeForward(forward)] }));
}

/** Fields in network order, each filled up to four bytes. */
function encodeForward({ protocol, hostAddress, hostPort, target, targetPort }: Forward): Element {
  const place = (address: Address | null, port: number): Uint8Array =>
    concatenate([
      address === null ? new Uint8Array(0) : addressToBytes(address),
      Uint8Array.of(protocolNumbers[protocol], 0, 0, 0),
      portField(port),
    ]);
  if (hostPort === 0) return { key: place(target, targetPort) };
  return { key: place(hostAddress, hostPort), value: concatenate([addressToBytes(target), portField(targetPort)]) };
}

/** `everywhere4` when it is meant for every address, `opened4` when for none, else `ports4`; or 6. */
function mapOf({ hostAddress, hostPort, target }: Forward): string {
  if (hostPort === 0) return `opened${target.family}`;
  return `${hostAddress === null ? 'everywhere' : 'ports'}${target.family}`;
}

function formatForward({ protocol, hostAddress, hostPort, target, targetPort }: Forward): string {
  if (hostPort === 0) return `${formatAddress(target)} . ${protocol} . ${targetPort}`;
  const host = hostAddress === null ? '' : `${formatAddress(hostAddress)} . `;
  return `${host}${protocol} . ${hostPort} : ${formatAddress(target)} . ${targetPort}`;
}

function portField(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff, 0, 0);
}
