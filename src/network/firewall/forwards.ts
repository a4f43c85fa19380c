import { addressToBytes, formatAddress, type Address } from '../addresses.ts';
import type { Element } from '../netlink/netfilter.ts';
import { concatenate } from '../netlink/wire.ts';
import type { PortProtocol } from '../ports/types.ts';

/** One entry of the port maps: what comes for this port of the host goes to that of a container. */
export interface Forward {
  readonly protocol: PortProtocol;
  /** null: every address of the host. Else of the target's family. */
  readonly hostAddress: Address | null;
  readonly hostPort: number;
  readonly target: Address;
  readonly targetPort: number;
}

/** What is to change in one of the port maps; a key is removed before it is added anew. */
export interface MapChange {
  readonly map: string;
  readonly removed: readonly Forward[];
  readonly added: readonly Forward[];
}

/** IANA's protocol numbers. */
export const protocolNumbers: Readonly<Record<PortProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

const keyTypes: Readonly<Record<string, string>> = {
  ports4: 'ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service',
  ports6: 'ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service',
  everywhere4: 'inet_proto . inet_service : ipv4_addr . inet_service',
  everywhere6: 'inet_proto . inet_service : ipv6_addr . inet_service',
};

/** The port maps with these entries, in the language of nft(8). Pure. */
export function formatForwards(forwards: Iterable<Forward>): string {
  const groups = Map.groupBy(forwards, mapOf);
  const declare = ([map, type]: [string, string]): string => {
    const entries = groups.get(map)?.map(formatForward) ?? [];
    return `  map ${map} { type ${type}; ${entries.length === 0 ? '' : `elements = { ${entries.join(', ')} }; `}}\n`;
  };
  return Object.entries(keyTypes).map(declare).join('');
}

/** What has to change for `after` to be there instead of `before`. Pure. */
export function planChanges(before: Iterable<Forward>, after: Iterable<Forward>): MapChange[] {
  const old = new Map(Array.from(before, (forward) => [formatForward(forward), forward]));
  const wanted = new Map(Array.from(after, (forward) => [formatForward(forward), forward]));
  const removed = Map.groupBy(missing(old, wanted), mapOf);
  const added = Map.groupBy(missing(wanted, old), mapOf);
  return Object.keys(keyTypes)
    .map((map) => ({ map, removed: removed.get(map) ?? [], added: added.get(map) ?? [] }))
    .filter((change) => change.removed.length + change.added.length > 0);
}

/** The same in the language of nft(8). Pure. */
export function formatChanges(table: string, changes: readonly MapChange[]): string {
  const command = (verb: string, map: string, entries: readonly string[]): string =>
    entries.length === 0 ? '' : `${verb} element inet ${table} ${map} { ${entries.join(', ')} }\n`;
  const removals = changes.map(({ map, removed }) => command('delete', map, removed.map(formatKey)));
  return [...removals, ...changes.map(({ map, added }) => command('add', map, added.map(formatForward)))].join('');
}

/** An entry as the kernel holds it: its fields in network order, each filled up to four bytes. Pure. */
export function encodeForward({ protocol, hostAddress, hostPort, target, targetPort }: Forward): Element {
  const host = hostAddress === null ? new Uint8Array(0) : addressToBytes(hostAddress);
  const key = concatenate([host, Uint8Array.of(protocolNumbers[protocol], 0, 0, 0), portField(hostPort)]);
  return { key, value: concatenate([addressToBytes(target), portField(targetPort)]) };
}

/** `everywhere4` when it is meant for every address, else `ports4`; or 6. */
function mapOf({ hostAddress, target }: Forward): string {
  return `${hostAddress === null ? 'everywhere' : 'ports'}${target.family}`;
}

function missing(from: ReadonlyMap<string, Forward>, other: ReadonlyMap<string, Forward>): Forward[] {
  return [...from].flatMap(([key, forward]) => (other.has(key) ? [] : [forward]));
}

function formatForward(forward: Forward): string {
  return `${formatKey(forward)} : ${formatAddress(forward.target)} . ${forward.targetPort}`;
}

function formatKey({ protocol, hostAddress, hostPort }: Forward): string {
  return `${hostAddress === null ? '' : `${formatAddress(hostAddress)} . `}${protocol} . ${hostPort}`;
}

function portField(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff, 0, 0);
}
