import type { MapNode, Node } from './node.ts';
import { anything } from './scalars.ts';
import { complain, inside, isZero, variableText, type Form, type Problem, type Reading, type Shape, type ValueOf } from './shape.ts';

/** Keys of a map that its file marked `!reset` or `!override`: they live beside the value until it is merged. */
const resetKeys: unique symbol = Symbol('reset');
const overrideKeys: unique symbol = Symbol('override');

interface Marked {
  readonly [resetKeys]?: ReadonlySet<string>;
  readonly [overrideKeys]?: ReadonlySet<string>;
}

function withMarks<T extends object>(value: T, node: MapNode): T {
  const marked = (mark: string): Set<string> => new Set([...node.entries].filter(([, at]) => at.mark === mark).map(([key]) => key));
  const [resets, overrides] = [marked('reset'), marked('override')];
  const define = (key: symbol, keys: Set<string>): void =>
    void (keys.size > 0 && Object.defineProperty(value, key, { value: keys, enumerable: false }));
  define(resetKeys, resets);
  define(overrideKeys, overrides);
  return value;
}

/**
 * What another file may still say of an attribute: that it has no value where it must have one. Kept beside the value, where copies of it keep it, and a
 * problem if it is still so once all files are merged.
 */
const wanting: unique symbol = Symbol('wanting');
type Wanting = ReadonlyMap<string, Problem>;
interface Incomplete {
  readonly [wanting]?: Wanting;
}

function withWanting<T extends object>(value: T, ...found: readonly (Wanting | undefined)[]): T {
  const left = found.flatMap((problems) => [...(problems ?? [])]).filter(([key]) => (value as Dictionary<unknown>)[key] === undefined);
  const { [wanting]: _before, ...rest } = value as T & Incomplete;
  return (left.length === 0 ? rest : { ...rest, [wanting]: new Map(left) }) as T;
}

/** What is wanting in a value and all that it holds. Pure. */
export function findWanting(value: unknown): Problem[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = [...((value as Incomplete)[wanting]?.values() ?? [])];
  return [...own, ...Object.values(value).flatMap(findWanting)];
}

type Dictionary<T> = Readonly<Record<string, T>>;

/** Key by key; what is in one of them only is taken as it is. */
function mergeKeys(
  base: Dictionary<unknown>,
  over: Dictionary<unknown>,
  mergeOf: (key: string) => (base: unknown, over: unknown) => unknown,
): Record<string, unknown> {
  const { [resetKeys]: resets, [overrideKeys]: overrides } = over as Marked;
  const merged: Record<string, unknown> = Object.fromEntries(Object.entries(base).filter(([key]) => resets?.has(key) !== true));
  for (const [key, value] of Object.entries(over)) {
    const earlier = Object.hasOwn(merged, key) ? merged[key] : undefined;
    const replaced = earlier === undefined || earlier === null || overrides?.has(key) === true;
    merged[key] = replaced ? value : mergeOf(key)(earlier, value);
  }
  return merged;
}

type Fields = Readonly<Record<string, Shape<never>>>;
type ObjectValue<F> = { readonly [K in keyof F]?: ValueOf<F[K]> } & { readonly extensions?: Readonly<Record<string, unknown>> };
/** What an object of these fields holds; `R` are there always. */
type Checked<F, R extends keyof F> = ObjectValue<F> & { readonly [K in R]: ValueOf<F[K]> };

/** A mapping with known attributes, shown in this order. `x-` attributes go to `extensions`; others are refused by name. */
export function object<F extends Readonly<Record<string, object>>, const R extends keyof F & string = never>(
  fields: F,
  required: readonly R[] = [],
): Shape<Checked<F, R>> {
  const shapes = fields as unknown as Fields;
  const shapeOf = (key: string): Shape<unknown> => (shapes[key] as Shape<unknown> | undefined) ?? anything();
  return {
    read: (node, reading) => readObject(node, reading, shapes, required) as Checked<F, R> | undefined,
    merge: (base, over) => {
      const { extensions: a, ...left } = base as Record<string, unknown>;
      const { extensions: b, ...right } = over as Record<string, unknown>;
      for (const key of [resetKeys, overrideKeys]) {
        const marks = Object.getOwnPropertyDescriptor(over, key);
        if (marks !== undefined) Object.defineProperty(right, key, marks);
      }
      const merged = mergeKeys(left, right, (key) => shapeOf(key).merge);
      const extensions = { ...(a as object | undefined), ...(b as object | undefined) };
      const all = Object.keys(extensions).length === 0 ? merged : { ...merged, extensions };
      return withWanting(all, (base as Incomplete)[wanting], (over as Incomplete)[wanting]) as Checked<F, R>;
    },
    print: (value, form) => (typeof value === 'string' ? value : printObject(value, form, shapes)),
    hides: () => false,
  };
}

function readObject(node: Node, reading: Reading, shapes: Fields, required: readonly string[]): object | undefined {
  if (node.kind !== 'map') return complain(reading, node, 'must be a mapping');
  const value: Record<string, unknown> = {};
  const extensions: Record<string, unknown> = {};
  const lacking = new Map<string, Problem>();
  for (const [key, entry] of node.entries) {
    const at = inside(reading, key);
    reading.places.set(at.path, entry.place);
    const shape = Object.hasOwn(shapes, key) ? (shapes[key] as Shape<unknown>) : undefined;
    if (entry.mark === 'reset') continue;
    if (key.startsWith('x-')) extensions[key] = anything().read(entry, at);
    else if (shape === undefined) complain(at, entry, `there is no attribute "${key}"`);
    else {
      const problems: Problem[] = [];
      const read = shape.read(entry, { ...at, problems });
      if (read !== undefined) value[key] = read;
      const [problem] = problems;
      // No value: another file may give one.
      if (problem !== undefined && entry.kind === 'scalar' && entry.value === null) lacking.set(key, problem);
      else reading.problems.push(...problems);
    }
  }
  for (const key of required.filter((name) => !node.entries.has(name)))
    lacking.set(key, { place: node.place, path: reading.path, message: `"${key}" is required` });
  const whole = withWanting(Object.keys(extensions).length === 0 ? value : { ...value, extensions }, lacking);
  return withMarks(whole, node);
}

function printObject(value: Dictionary<unknown>, form: Form, shapes: Fields): Record<string, unknown> {
  const printed: Record<string, unknown> = {};
  for (const [key, some] of Object.entries(shapes)) {
    const shape = some as Shape<unknown>;
    const name = form === 'json' ? (shape.jsonName ?? key) : key;
    const given = value[key];
    const shown = given === undefined ? shape.absent?.(form) : shape.print(given, form);
    if (shown === undefined || (given !== undefined && (shape.hides ?? isZero)(shown))) continue;
    printed[name] = shown;
  }
  if (form === 'yaml' && value['extensions'] !== undefined) Object.assign(printed, inOrder(value['extensions']));
  return printed;
}

/** A mapping with free keys; `empty` stands for null where that is allowed. */
export function dictionary<T>(item: Shape<T>, options: { readonly keys?: RegExp; readonly empty?: T } = {}): Shape<Dictionary<T>> {
  return {
    read: (node, reading) => {
      if (node.kind !== 'map') return complain(reading, node, 'must be a mapping');
      const value: Record<string, T> = {};
      for (const [key, entry] of node.entries) {
        const at = inside(reading, key);
        reading.places.set(at.path, entry.place);
        if (entry.mark === 'reset') continue;
        if (options.keys?.test(key) === false) complain(at, entry, `"${key}" is no name`);
        const isNull = entry.kind === 'scalar' && entry.value === null && options.empty !== undefined;
        const read = isNull ? options.empty : item.read(entry, at);
        if (read !== undefined) value[key] = read;
      }
      return withMarks(value, node);
    },
    merge: (base, over) => mergeKeys(base, over, () => item.merge as (base: unknown, over: unknown) => unknown) as Dictionary<T>,
    print: (value, form) => Object.fromEntries(sortedKeys(value).map((key) => [key, item.print(value[key] as T, form)])),
    hides: isZero,
  };
}

/** The same with the keys of each mapping sorted. */
export function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(sortedKeys(value).map((key) => [key, inOrder((value as Dictionary<unknown>)[key])]));
}

/** By bytes, as Go sorts the keys of a map. */
export function sortedKeys(value: object): string[] {
  return Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** A list. With `key`, of several with the same key the last one counts, at the place of the first. */
export function list<T>(item: Shape<T>, key?: (value: T) => string): Shape<readonly T[]> {
  const unique = (values: readonly T[]): readonly T[] =>
    key === undefined ? values : [...new Map(values.map((value) => [typeof value === 'string' ? value : key(value), value])).values()];
  return {
    read: (node, reading) => {
      if (node.kind !== 'list') return complain(reading, node, 'must be a list');
      const items = node.items.flatMap((entry, index) => {
        const at = inside(reading, index);
        reading.places.set(at.path, entry.place);
        const value = entry.mark === 'reset' ? undefined : item.read(entry, at);
        return value === undefined ? [] : [value];
      });
      return unique(items);
    },
    merge: (base, over) => unique([...base, ...over]),
    print: (values, form) => values.map((value) => item.print(value, form)),
    hides: isZero,
  };
}

/** One, or a list of them. */
export function oneOrMore<T>(shape: Shape<readonly T[]>): Shape<readonly T[]> {
  return {
    ...shape,
    read: (node, reading) => shape.read(node.kind === 'scalar' ? { kind: 'list', items: [node], place: node.place } : node, reading),
  };
}

/** Items that one entry of the list may stand for several of, such as a range of ports. */
export function expanding<T>(shape: Shape<readonly T[]>, expand: (text: string | number) => readonly T[]): Shape<readonly T[]> {
  return {
    ...shape,
    read: (node, reading) => {
      if (node.kind !== 'list') return shape.read(node, reading);
      const parts = node.items.map((item, index) => {
        const at = inside(reading, index);
        if (item.kind !== 'scalar' || item.value === null || typeof item.value === 'boolean')
          return shape.read({ ...node, items: [item] }, reading) ?? [];
        const variable = variableText(item, at);
        if (variable !== undefined) return [variable as T];
        return attempt(at, item, () => expand(item.value as string | number)) ?? [];
      });
      return parts.reduce<readonly T[]>((all, more) => shape.merge(all, more), []);
    },
  };
}

/** Notes what `act` throws as a problem. */
export function attempt<T>(reading: Reading, node: Node, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    return complain(reading, node, error instanceof Error ? error.message : String(error));
  }
}
