import { OrlopError } from '#errors';
import { formatPlace, type Node, type Place } from './node.ts';

/** How a value is shown: `json` and `yaml` as Compose's `config` shows them, which differ in a few places. */
export type Form = 'json' | 'yaml';

/** What an attribute may hold: how it is read, merged with what earlier files say, and shown. All pure. */
export interface Shape<T> {
  /** undefined after a problem, which was noted. */
  read(node: Node, reading: Reading): T | undefined;
  /** The later file's value over the earlier one's. */
  merge(base: T, over: T): T;
  /** undefined is not shown. */
  print(value: T, form: Form): unknown;
  /** Not shown when it is like this; zero values are not, unless the shape says so. */
  hides?(printed: unknown): boolean;
  /** Shown when nothing was given. */
  readonly absent?: (form: Form) => unknown;
  /** Name in the JSON form, where it differs. */
  readonly jsonName?: string;
}

export type ValueOf<S> = S extends Shape<infer T> ? T : never;

export interface Problem {
  readonly place: Place;
  readonly path: string;
  readonly message: string;
}

/** What reading needs to know, and what it notes. */
export interface Reading {
  readonly path: string;
  /** Relative paths of files are of this directory; null: they stay as they are. */
  readonly directory: string | null;
  readonly home: string;
  readonly problems: Problem[];
  /** What is taken, and should be written otherwise. */
  readonly warnings?: string[];
  /** Variables were left as they are: a text with one stands for any value, and is kept. */
  readonly lenient?: boolean;
  /** Where each attribute stands. */
  readonly places: Map<string, Place>;
}

/** A text that holds a variable, where those were left as they are. */
export function variableText(node: Node, reading: Reading): string | undefined {
  if (reading.lenient !== true || node.kind !== 'scalar' || typeof node.value !== 'string') return undefined;
  return node.value.includes('$') ? node.value : undefined;
}

/** The reading of what `key` holds. */
export function inside(reading: Reading, key: string | number): Reading {
  const path = typeof key === 'number' ? `${reading.path}[${key}]` : reading.path === '' ? key : `${reading.path}.${key}`;
  return { ...reading, path };
}

export function complain(reading: Reading, node: Node, message: string): undefined {
  reading.problems.push({ place: node.place, path: reading.path, message });
  return undefined;
}

/** Throws invalid-argument `COMPOSE_INVALID` that names each problem with its place; nothing when there is none. */
export function throwProblems(problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const lines = problems
    .slice(0, 20)
    .map(({ place, path, message }) => `${formatPlace(place)}: ${path === '' ? '' : `${path}: `}${message}`);
  throw new OrlopError('invalid-argument', 'COMPOSE_INVALID', lines.join('\n'), {
    details: { problems: problems.map(({ place, path, message }) => ({ ...place, path, message })) },
  });
}

/** Zero values as Go's `omitempty` means them. */
export function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Shown whatever it is, once it was given. */
export function kept<T>(shape: Shape<T>): Shape<T> {
  return { ...shape, hides: () => false };
}

/** Shown also when nothing was given; or in that form only. */
export function always<T>(shape: Shape<T>, absent: unknown, only?: Form): Shape<T> {
  return { ...kept(shape), absent: (form) => (only === undefined || only === form ? absent : undefined) };
}

/** What a later file says counts alone. */
export function replacing<T>(shape: Shape<T>): Shape<T> {
  return { ...shape, merge: (_base, over) => over };
}
