import { contains, parseAddress, subnetOf, type Address } from '../addresses.ts';
import type { PortProtocol } from '../ports/types.ts';
import { arrayOf, recordOf, type ForeignChain, type ForeignRules } from './foreign-rules.ts';

/** A packet that begins a conversation, as the `forward` hook sees it. What is null is not known. */
export interface Packet {
  readonly family: 4 | 6;
  readonly from: string | null;
  readonly to: string | null;
  readonly source: Address | null;
  readonly destination: Address | null;
  readonly protocol: PortProtocol | null;
  readonly port: number | null;
  /** Whether it came for a published port. */
  readonly isPublished: boolean;
}

/** Whether it is so; null when that cannot be said from here. */
export type Truth = boolean | null;

/** Judges a `match` of libnftables-json(5). Pure. */
export function matches(match: unknown, packet: Packet, chain: ForeignChain, rules: ForeignRules): Truth {
  const { op, left, right } = recordOf(match);
  const field = fieldOf(recordOf(left), packet);
  if (field === null) return null;
  if (field === 'absent') return false;
  const candidates = candidatesOf(right, chain, rules);
  const truths = candidates.map((candidate) => field.some((value) => equals(value, candidate)));
  const isIn = candidates.includes(null) && !truths.includes(true) ? null : truths.includes(true);
  if (op === '==' || op === 'in') return isIn;
  return op === '!=' && isIn !== null ? !isIn : null;
}

type Value = string | number | Address;

/** What a packet has where a rule looks; `absent` when its kind has no such thing. */
function fieldOf(left: Readonly<Record<string, unknown>>, packet: Packet): readonly Value[] | 'absent' | null {
  const { meta, payload, ct } = left;
  if (meta !== undefined) return metaOf(String(recordOf(meta)['key']), packet);
  if (payload !== undefined) return payloadOf(recordOf(payload), packet);
  const key = recordOf(ct)['key'];
  if (key === 'state') return ['new'];
  if (key === 'status') return packet.isPublished ? ['dnat'] : [];
  return null;
}

function metaOf(key: string, packet: Packet): readonly Value[] | null {
  const values: Readonly<Record<string, string | null>> = {
    iifname: packet.from,
    iif: packet.from,
    oifname: packet.to,
    oif: packet.to,
    l4proto: packet.protocol,
    nfproto: packet.family === 4 ? 'ipv4' : 'ipv6',
    protocol: packet.family === 4 ? 'ip' : 'ip6',
  };
  return known(values[key]);
}

function payloadOf({ protocol, field }: Readonly<Record<string, unknown>>, packet: Packet): readonly Value[] | 'absent' | null {
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (packet.family === 4)) return 'absent';
    if (field === 'saddr') return known(packet.source);
    if (field === 'daddr') return known(packet.destination);
    return field === 'protocol' || field === 'nexthdr' ? known(packet.protocol) : null;
  }
  if (protocol !== 'th' && packet.protocol !== null && protocol !== packet.protocol) return 'absent';
  return field === 'dport' && packet.protocol !== null ? known(packet.port) : null;
}

function known(value: Value | null | undefined): readonly Value[] | null {
  return value === null || value === undefined ? null : [value];
}

/** What a rule compares with, one by one; null among them: something that is not understood. */
function candidatesOf(right: unknown, chain: ForeignChain, rules: ForeignRules): readonly unknown[] {
  if (typeof right === 'string' && right.startsWith('@')) {
    return (
      rules.sets.get(`${chain.family} ${chain.table} ${right.slice(1)}`)?.flatMap((element) => candidatesOf(element, chain, rules)) ?? [
        null,
      ]
    );
  }
  if (Array.isArray(right)) return right.flatMap((element) => candidatesOf(element, chain, rules));
  const { set, elem } = recordOf(right);
  if (set !== undefined) return arrayOf(set).flatMap((element) => candidatesOf(element, chain, rules));
  if (elem !== undefined) return candidatesOf(recordOf(elem)['val'], chain, rules);
  const { prefix, range } = recordOf(right);
  return [typeof right === 'string' || typeof right === 'number' || prefix !== undefined || range !== undefined ? right : null];
}

function equals(value: Value, candidate: unknown): boolean {
  if (typeof value === 'object') return isAddressIn(value, candidate);
  const [first, last] = arrayOf(recordOf(candidate)['range']);
  if (typeof value === 'number' && typeof first === 'number' && typeof last === 'number') return value >= first && value <= last;
  // A name of links with a star at its end means all that begin so.
  if (typeof value === 'string' && typeof candidate === 'string' && candidate.endsWith('*'))
    return value.startsWith(candidate.slice(0, -1));
  return value === candidate;
}

function isAddressIn(value: Address, candidate: unknown): boolean {
  if (typeof candidate === 'string') {
    const address = parseAddress(candidate);
    return address !== null && address.family === value.family && address.value === value.value;
  }
  const { prefix, range } = recordOf(candidate);
  const { addr, len } = recordOf(prefix);
  if (typeof addr === 'string' && typeof len === 'number') {
    const base = parseAddress(addr);
    return base !== null && contains(subnetOf(base, len), value);
  }
  const [first, last] = arrayOf(range).map((text) => parseAddress(String(text)));
  return first?.family === value.family && last?.family === value.family && first.value <= value.value && value.value <= last.value;
}
