import { attempt } from './collections.ts';
import { inside, isZero, complain, variableText, type Reading, type Shape } from './shape.ts';
import type { Node } from './node.ts';
import { sortedKeys } from './collections.ts';

/** A short form beside the long one: a scalar is read by `short`. */
export function shortOr<T>(long: Shape<T>, short: (text: string, reading: Reading) => NoInfer<T>): Shape<T> {
  return {
    ...long,
    read: (node, reading) => {
      if (node.kind !== 'scalar' || node.value === null || typeof node.value === 'boolean') return long.read(node, reading);
      const text = String(node.value);
      const variable = variableText(node, reading);
      if (variable !== undefined) return variable as T;
      return attempt(reading, node, () => short(text, reading));
    },
  };
}

/** Another form that is rewritten before it is read, such as a list of names for a mapping. */
export function rewritten<T>(shape: Shape<T>, rewrite: (node: Node) => Node): Shape<T> {
  return { ...shape, read: (node, reading) => shape.read(rewrite(node), reading) };
}

/** null stands for nothing. */
export function optional<T>(shape: Shape<T>): Shape<T> {
  return { ...shape, read: (node, reading) => (node.kind === 'scalar' && node.value === null ? undefined : shape.read(node, reading)) };
}

/** Checked further once it is read; `check` says what is wrong. */
export function checked<T>(shape: Shape<T>, check: (value: T) => string | null): Shape<T> {
  return {
    ...shape,
    read: (node, reading) => {
      const value = shape.read(node, reading);
      const wrong = value === undefined ? null : check(value);
      return wrong === null ? value : complain(reading, node, wrong);
    },
  };
}

/** Changed once it is read. */
export function derived<T>(shape: Shape<T>, derive: (value: T, reading: Reading) => T): Shape<T> {
  return {
    ...shape,
    read: (node, reading) => {
      const value = shape.read(node, reading);
      return value === undefined ? undefined : derive(value, reading);
    },
  };
}

/** A list of names stands for a mapping from each to nothing further. */
export function namesAsKeys(
  node: Node,
  entry: (item: Node) => Node = (item) => ({ kind: 'scalar', value: null, place: item.place }),
): Node {
  if (node.kind !== 'list') return node;
  const names = node.items.map((item) => [item.kind === 'scalar' && item.value !== null ? String(item.value) : '', entry(item)] as const);
  return { ...node, kind: 'map', entries: new Map(names) };
}

/** `KEY=VALUE` in a list or `KEY: VALUE` in a mapping. `bare` is what a key without value has: null is taken from the environment later. */
export function pairs<B extends string | null>(bare: B): Shape<Readonly<Record<string, string | B>>> {
  return {
    read: (node, reading) => {
      if (node.kind === 'scalar') return complain(reading, node, 'must be a mapping or a list');
      const entries =
        node.kind === 'map'
          ? readEntries(node.entries, bare, reading)
          : node.items.map((item, index) => readPair(item, bare, inside(reading, index)));
      const value = Object.fromEntries(entries.filter((entry) => entry !== undefined));
      if (node.kind === 'map')
        Object.defineProperty(value, resets, { value: [...node.entries].filter(([, at]) => at.mark === 'reset').map(([key]) => key) });
      return value;
    },
    merge: (base, over) => {
      const dropped = (over as { readonly [resets]?: readonly string[] })[resets] ?? [];
      return { ...Object.fromEntries(Object.entries(base).filter(([key]) => !dropped.includes(key))), ...over };
    },
    print: (value) => Object.fromEntries(sortedKeys(value).map((key) => [key, value[key]])),
    hides: isZero,
  };
}

const resets: unique symbol = Symbol('reset');

function readEntries<B>(entries: ReadonlyMap<string, Node>, bare: B, reading: Reading): ([string, string | B] | undefined)[] {
  return [...entries].map(([key, node]) => {
    const at = inside(reading, key);
    reading.places.set(at.path, node.place);
    if (node.mark === 'reset') return undefined;
    if (node.kind !== 'scalar') return complain(at, node, 'must be a text, a number or a truth');
    return [key, node.value === null ? bare : String(node.value)];
  });
}

function readPair<B>(node: Node, bare: B, reading: Reading): [string, string | B] | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return complain(reading, node, 'must be a text KEY=VALUE');
  const equals = node.value.indexOf('=');
  const key = equals < 0 ? node.value : node.value.slice(0, equals);
  if (bare === null && key.endsWith(' ')) return complain(reading, node, `environment variable ${key} is declared with a trailing space`);
  return [key, equals < 0 ? bare : node.value.slice(equals + 1)];
}
