import type { Element } from '../netlink/netfilter.ts';

/** One entry of a set or a map of the table. */
export interface SetEntry {
  readonly set: string;
  /** In the language of nft(8). */
  readonly words: string;
  /** As the kernel holds it: an interval is two elements. */
  readonly elements: readonly Element[];
}

/** What a set or a map is made of, in the language of nft(8). */
export interface Declaration {
  readonly kind: 'set' | 'map';
  readonly type: string;
  readonly flags?: string;
}

/** The sets and maps of these names with what they hold, in the language of nft(8). Pure. */
export function formatSets(declarations: Readonly<Record<string, Declaration>>, entries: readonly SetEntry[]): string {
  const bySet = Map.groupBy(entries, ({ set }) => set);
  const declare = ([name, { kind, type, flags }]: [string, Declaration]): string => {
    const words = bySet.get(name)?.map((entry) => entry.words) ?? [];
    const parts = [`type ${type};`, ...(flags === undefined ? [] : [`flags ${flags};`])];
    // nft refuses an empty list of elements.
    if (words.length > 0) parts.push(`elements = { ${words.join(', ')} };`);
    return `  ${kind} ${name} { ${parts.join(' ')} }\n`;
  };
  return Object.entries(declarations).map(declare).join('');
}

/** What is to change in one set or map; a key is removed before it is added anew. */
export interface SetChange<Entry extends SetEntry = SetEntry> {
  readonly set: string;
  readonly removed: readonly Entry[];
  readonly added: readonly Entry[];
}

/** What has to change for the entries of `after` to be there instead of those of `before`. Pure. */
export function planSetChanges<Entry extends SetEntry>(before: readonly Entry[], after: readonly Entry[]): SetChange<Entry>[] {
  const [old, wanted] = [keyed(before), keyed(after)];
  const removed = Map.groupBy(missing(old, wanted), ({ set }) => set);
  const added = Map.groupBy(missing(wanted, old), ({ set }) => set);
  const changed = new Set([...removed.keys(), ...added.keys()]);
  return Array.from(changed, (set) => ({ set, removed: removed.get(set) ?? [], added: added.get(set) ?? [] }));
}

function keyed<Entry extends SetEntry>(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [`${entry.set} ${entry.words}`, entry]));
}

function missing<Entry>(from: ReadonlyMap<string, Entry>, other: ReadonlyMap<string, Entry>): Entry[] {
  return [...from].flatMap(([key, entry]) => (other.has(key) ? [] : [entry]));
}
