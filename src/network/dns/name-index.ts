import { addressToBytes, formatAddress, parseAddress } from '../addresses.ts';
import type { LinkedHost } from '../hosts-file.ts';
import { foldName, recordType, type AnswerRecord } from './message.ts';
import type { Directory, NamedPlace } from './types.ts';

/** Somebody who has a name: his address as a record of this type, or null when he has none. */
export type Holder = (type: number) => AnswerRecord | null;

/** What containers are called, as one of them sees it. */
export interface NameIndex {
  /**
   * Who has this name (folded, without a trailing dot): `name` in any of the container's networks, or `name.network`; dots may be part of both. One list per
   * network, in the order in which they are to be tried; empty when nobody has it.
   */
  holders(containerId: string, name: string): readonly (readonly Holder[])[];
  /** `name.network` of whoever has this address in one of the container's networks. */
  nameOf(containerId: string, address: string): string | undefined;
}

/** Each listed when somebody asks. */
interface NetworkNames {
  byName?: ReadonlyMap<string, readonly Holder[]>;
  byAddress?: ReadonlyMap<string, NamedPlace>;
}

/** Looks names up without a walk over all containers; a network's names are listed anew when something has changed since. */
export function createNameIndex(directory: Directory): NameIndex {
  let revision = -1;
  const networks = new Map<string, NetworkNames>();
  const namesOf = (network: string): NetworkNames => {
    const current = directory.revision();
    if (current !== revision) networks.clear();
    revision = current;
    const known = networks.get(network) ?? {};
    networks.set(network, known);
    return known;
  };
  const byName = (network: string) => (namesOf(network).byName ??= listNames(directory.membersOf(network)));
  const byAddress = (network: string) => (namesOf(network).byAddress ??= listAddresses(directory.membersOf(network)));
  return {
    holders(containerId, name) {
      const places = directory.placesOf(containerId);
      const found = (network: string, wanted: string): readonly Holder[] => byName(network).get(wanted) ?? [];
      for (const { wanted, network } of splits(name)) {
        const own = places.filter((place) => network === undefined || foldText(place.network) === network);
        const lists = own.map((place) => found(place.network, wanted)).filter((list) => list.length > 0);
        if (lists.length > 0) return lists;
      }
      return [];
    },
    nameOf(containerId, address) {
      for (const { network } of directory.placesOf(containerId)) {
        const place = byAddress(network).get(address);
        if (place !== undefined) return `${place.names[0]}.${network}`;
      }
      return undefined;
    },
  };
}

/** Who of these has this name (folded). */
export function linkedHolders(linked: readonly LinkedHost[], name: string): readonly Holder[] {
  const found = linked.filter(({ names }) => names.some((candidate) => foldText(candidate) === name));
  return found.map(({ address }) => createHolder(parseAddress(address)?.family === 6 ? { address6: address } : { address }));
}

/** `a.b.c` is a name of its own, `a.b` in the network `c`, or `a` in the network `b.c`. */
function splits(name: string): { wanted: string; network?: string }[] {
  const labels = name.split('.');
  const divided = labels.slice(1).map((_, index) => {
    const at = labels.length - 1 - index;
    return { wanted: labels.slice(0, at).join('.'), network: labels.slice(at).join('.') };
  });
  return [{ wanted: name }, ...divided];
}

function listNames(members: readonly NamedPlace[]): Map<string, Holder[]> {
  const byName = new Map<string, Holder[]>();
  for (const place of members) {
    const holder = createHolder(place);
    for (const name of new Set(place.names.map(foldText))) {
      const holders = byName.get(name);
      if (holders === undefined) byName.set(name, [holder]);
      else holders.push(holder);
    }
  }
  return byName;
}

/** Its records are made once: a name may have a thousand holders. */
function createHolder(place: Pick<NamedPlace, 'address' | 'address6'>): Holder {
  const made = new Map<number, AnswerRecord | null>();
  return (type) => {
    const known = made.get(type);
    if (known !== undefined) return known;
    const text = type === recordType.A ? place.address : type === recordType.AAAA ? place.address6 : undefined;
    const address = text === undefined ? null : parseAddress(text);
    const record = address === null ? null : { type, data: addressToBytes(address) };
    // Of the other types, which anybody may make up, nothing is remembered.
    if (text !== undefined) made.set(type, record);
    return record;
  };
}

function listAddresses(members: readonly NamedPlace[]): Map<string, NamedPlace> {
  const byAddress = new Map<string, NamedPlace>();
  for (const place of members.filter(({ names }) => names.length > 0)) {
    for (const text of [place.address, place.address6]) {
      const address = text === undefined ? null : parseAddress(text);
      if (address !== null) byAddress.set(formatAddress(address), place);
    }
  }
  return byAddress;
}

/** Text as the names of queries are: one character a byte. */
function foldText(text: string): string {
  return foldName(Buffer.from(text).toString('latin1'));
}
