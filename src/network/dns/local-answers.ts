import { randomInt } from 'node:crypto';
import { addressFromBytes, formatAddress, parseAddress } from '../addresses.ts';
import { formatAnswer, formatName, recordType, responseCode, type AnswerRecord, type Query } from './message.ts';
import type { LinkedHost } from '../hosts-file.ts';
import { linkedHolders, type Holder, type NameIndex } from './name-index.ts';

export interface Asker {
  readonly containerId: string;
  /** What it alone calls others, before what everybody calls them. */
  readonly linked: readonly LinkedHost[];
}

/** What to tell a container of its neighbours; null when the question is about somebody else. */
export function answerLocally(index: NameIndex, { containerId, linked }: Asker, query: Query, limit: number): Buffer | null {
  if (query.edns !== undefined && query.edns.version > 0) return formatAnswer(query, responseCode.BAD_VERSION, [], limit);
  if (!query.isInternet || query.name === '') return null;
  const records = query.type === recordType.PTR ? pointer(index, containerId, query.name) : null;
  const own = linkedHolders(linked, query.name);
  const found = records ?? addresses(own.length > 0 ? [own] : index.holders(containerId, query.name), query.type);
  return found === null ? null : formatAnswer(query, responseCode.OK, found, limit);
}

/**
 * The addresses of the first network in which anybody has one of that family, in a random order so that load spreads. Empty when the name is known but has nothing
 * of that type: somebody else must not be asked then, as he would say that there is no such name. null: nobody is called so.
 */
function addresses(networks: readonly (readonly Holder[])[], type: number): AnswerRecord[] | null {
  if (networks.length === 0) return null;
  // Of "any" one kind is enough (RFC 8482).
  const types = type === recordType.ANY ? [recordType.A, recordType.AAAA] : [type];
  for (const wanted of types) {
    for (const holders of networks) {
      const records = holders.flatMap((holder) => holder(wanted) ?? []);
      if (records.length > 0) return shuffle(records);
    }
  }
  return [];
}

function pointer(index: NameIndex, containerId: string, name: string): AnswerRecord[] | null {
  const address = parseReverse(name);
  const target = address === null ? undefined : index.nameOf(containerId, address);
  const data = target === undefined ? null : formatName(target);
  return data === null ? null : [{ type: recordType.PTR, data }];
}

/** `2.0.18.172.in-addr.arpa` (RFC 1035 3.5) or 32 hexadecimal digits in `ip6.arpa` (RFC 3596 2.5) as an address's text; null for anything else. */
export function parseReverse(name: string): string | null {
  const match = /^(.*)\.(in-addr|ip6)\.arpa$/.exec(name);
  const labels = (match?.[1] ?? '').split('.').toReversed();
  if (match?.[2] === 'in-addr') {
    const address = labels.length === 4 ? parseAddress(labels.join('.')) : null;
    return address === null ? null : formatAddress(address);
  }
  if (labels.length !== 32 || !labels.every((label) => /^[0-9a-f]$/.test(label))) return null;
  const address = addressFromBytes(Buffer.from(labels.join(''), 'hex'));
  return address === null ? null : formatAddress(address);
}

/** Fisher and Yates. */
function shuffle<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = randomInt(last + 1);
    [items[last], items[other]] = [items[other] as T, items[last] as T];
  }
  return items;
}
