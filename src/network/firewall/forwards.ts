import { addressToBytes, formatAddress, type Address } from '../addresses.ts';
import type { Element } from '../netlink/netfilter.ts';
import { concatenate } from '../netlink/wire.ts';
import type { PortProtocol } from '../ports/types.ts';
import type { Declaration, SetEntry } from './sets.ts';

/** One entry of the port maps: what comes for this port of the host goes to that of a container. */
export interface Forward {
  readonly protocol: PortProtocol;
  /** null: every address of the host. Else of the target's family. */
  readonly hostAddress: Address | null;
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

/** The port maps: where a port leads to that is published on one address, and on every address of the host. */
export const portMaps: Readonly<Record<string, Declaration>> = {
  ports4: { kind: 'map', type: `ipv4_addr . ${port} : ipv4_addr . inet_service` },
  ports6: { kind: 'map', type: `ipv6_addr . ${port} : ipv6_addr . inet_service` },
  everywhere4: { kind: 'map', type: `${port} : ipv4_addr . inet_service` },
  everywhere6: { kind: 'map', type: `${port} : ipv6_addr . inet_service` },
};

/** What the port maps hold for these forwards. Pure. */
export function planForwardEntries(forwards: readonly Forward[]): ForwardEntry[] {
  return forwards.map((forward) => ({ forward, set: mapOf(forward), words: formatForward(forward), elements: [encodeForward(forward)] }));
}

/** Fields in network order, each filled up to four bytes. */
function encodeForward({ protocol, hostAddress, hostPort, target, targetPort }: Forward): Element {
  const host = hostAddress === null ? new Uint8Array(0) : addressToBytes(hostAddress);
  const key = concatenate([host, Uint8Array.of(protocolNumbers[protocol], 0, 0, 0), portField(hostPort)]);
  return { key, value: concatenate([addressToBytes(target), portField(targetPort)]) };
}

/** `everywhere4` when it is meant for every address, else `ports4`; or 6. */
function mapOf({ hostAddress, target }: Forward): string {
  return `${hostAddress === null ? 'everywhere' : 'ports'}${target.family}`;
}

function formatForward({ protocol, hostAddress, hostPort, target, targetPort }: Forward): string {
  const host = hostAddress === null ? '' : `${formatAddress(hostAddress)} . `;
  return `${host}${protocol} . ${hostPort} : ${formatAddress(target)} . ${targetPort}`;
}

function portField(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff, 0, 0);
}
