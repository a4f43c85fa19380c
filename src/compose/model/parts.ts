import {
  attempt,
  checked,
  complain,
  derived,
  duration,
  flag,
  inside,
  isZero,
  kept,
  list,
  object,
  oneOrMore,
  pairs,
  replacing,
  sortedKeys,
  text,
  whole,
  type Shape,
  type ValueOf,
} from '../shape/index.ts';
import { splitWords } from './words.ts';

export const texts = (): Shape<readonly string[]> => list(text());
/** Texts that count once each. */
export const names = (): Shape<readonly string[]> => list(text(), (value) => value);

/** Words of a command: a list, or a text that is split as a shell splits it. null: that of the image. */
export function command(): Shape<readonly string[] | null> {
  const words = texts();
  return {
    read: (node, reading) => {
      if (node.kind !== 'scalar') return words.read(node, reading);
      if (node.value === null) return null;
      if (typeof node.value !== 'string') return complain(reading, node, 'must be a text or a list');
      const { value } = node;
      return attempt(reading, node, () => splitWords(value));
    },
    merge: (_base, over) => over,
    print: (value, form) => value ?? (form === 'json' ? null : undefined),
    hides: () => false,
    absent: (form) => (form === 'json' ? null : undefined),
  };
}

export const hook = object({ command: command(), user: text(), privileged: flag(), working_dir: text(), environment: pairs(null) }, [
  'command',
]);

const testWords = replacing(texts());
export const healthcheck = object({
  test: checked(
    {
      ...testWords,
      read: (node, reading) =>
        node.kind === 'scalar' && typeof node.value === 'string' ? ['CMD-SHELL', node.value] : testWords.read(node, reading),
    },
    ([first]) => (first === undefined || ['NONE', 'CMD', 'CMD-SHELL'].includes(first) ? null : 'must begin with NONE, CMD or CMD-SHELL'),
  ),
  timeout: kept(duration()),
  interval: kept(duration()),
  retries: kept(whole(0)),
  start_period: kept(duration()),
  start_interval: kept(duration()),
  disable: flag(),
});

const hardAndSoft = object({ soft: kept(whole()), hard: kept(whole()) }, ['soft', 'hard']);
type Ulimit = number | ValueOf<typeof hardAndSoft>;

/** A number for both limits, or each. */
export function ulimit(): Shape<Ulimit> {
  return {
    read: (node, reading) => (node.kind === 'map' ? hardAndSoft.read(node, reading) : whole().read(node, reading)),
    merge: (_base, over) => over,
    print: (value, form) => (typeof value === 'number' ? value : hardAndSoft.print(value, form)),
  };
}

export type ExtraHosts = Readonly<Record<string, readonly string[]>>;

/** Addresses by name: `name=address` or `name:address` in a list, or a mapping to one or several. */
export function extraHosts(): Shape<ExtraHosts> {
  const addresses = oneOrMore(texts());
  const split = (text: string): string[] => text.split(',').map((address) => address.replaceAll(/^\[|\]$/g, ''));
  const union = (base: ExtraHosts, over: ExtraHosts): ExtraHosts => ({
    ...base,
    ...Object.fromEntries(Object.entries(over).map(([name, more]) => [name, [...new Set([...(base[name] ?? []), ...more])]])),
  });
  return {
    read: (node, reading) => {
      if (node.kind === 'scalar') return complain(reading, node, 'must be a mapping or a list');
      if (node.kind === 'map')
        return Object.fromEntries(
          [...node.entries].map(([name, item]) => [name, (addresses.read(item, inside(reading, name)) ?? []).flatMap(split)]),
        );
      return node.items.reduce<ExtraHosts>((all, item, index) => {
        const parts = item.kind === 'scalar' ? /^([^=:]+)[=:](.*)$/.exec(String(item.value)) : null;
        if (parts === null) complain(inside(reading, index), item, 'must be NAME=ADDRESS');
        return parts === null ? all : union(all, { [parts[1] ?? '']: split(parts[2] ?? '') });
      }, {});
    },
    merge: union,
    print: (value) => sortedKeys(value).flatMap((name) => (value[name] ?? []).map((address) => `${name}=${address}`)),
    hides: isZero,
  };
}

const mode: Shape<number> = {
  ...whole(0),
  read: (node, reading) => {
    if (node.kind !== 'scalar' || typeof node.value !== 'string' || !/^[0-7]+$/.test(node.value)) return whole(0).read(node, reading);
    return Number.parseInt(node.value, 8);
  },
  print: (value) => `0${value.toString(8)}`,
  hides: () => false,
};

const reference = object({ source: text(), target: text(), uid: text(), gid: text(), mode });
export type FileReference = ValueOf<typeof reference>;

/** Configs and secrets of a service: names, or where and whose the file is. */
export function fileReferences(directory: string, shown: boolean): Shape<readonly FileReference[]> {
  const item: Shape<FileReference> = {
    ...reference,
    read: (node, reading) =>
      node.kind === 'scalar' && typeof node.value === 'string' ? { source: node.value } : reference.read(node, reading),
  };
  const placed = shown ? derived(item, (value) => ({ ...value, target: value.target ?? `${directory}/${value.source ?? ''}` })) : item;
  return list(placed, ({ source = '', target = `${directory}/${source}` }) => target);
}
