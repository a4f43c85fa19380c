import { OrlopError } from '#errors';
import { formatRow, isRow } from './row.ts';
import { formatAs, show } from './show.ts';
import { nil, typeOf } from './structures.ts';

type TemplateFunction = (...values: readonly unknown[]) => unknown;

/** Go's own functions and those that Docker adds (docker/cli, templates). `and` and `or` are here by name only: they do not look at all their arguments. */
export const functions: Readonly<Record<string, TemplateFunction>> = {
  and: (...values) => values.at(-1),
  or: (...values) => values.at(-1),
  not: (value) => !isTrue(value),
  len: (value) => lengthOf(value),
  index: (value, ...keys) => keys.reduce((at, key) => indexed(at, key), value),
  slice: (value, from = 0, to = lengthOf(value)) => sliceOf(value, Number(from), Number(to)),
  print: (...values) => values.map((value) => show(value)).join(values.every((value) => typeof value === 'string') ? '' : ' '),
  println: (...values) => `${values.map((value) => show(value)).join(' ')}\n`,
  printf: (format, ...values) => formatAs(textOf(format, 'printf'), values),
  urlquery: (value) => encodeURIComponent(show(value)),
  eq: (value, ...others) => others.some((other) => value === other),
  ne: (value, other) => value !== other,
  lt: (value, other) => compare(value, other) < 0,
  le: (value, other) => compare(value, other) <= 0,
  gt: (value, other) => compare(value, other) > 0,
  ge: (value, other) => compare(value, other) >= 0,
  json: (value) => (isRow(value) ? formatRow(value) : (JSON.stringify(value ?? null) ?? 'null')),
  split: (text, separator) => textOf(text, 'split').split(textOf(separator, 'split')),
  join: (list, separator = '') => listOf(list).map(show).join(textOf(separator, 'join')),
  title: (text) =>
    textOf(text, 'title').replaceAll(
      /(^|[^\p{L}\p{N}'])(\p{L})/gu,
      (_all, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (text) => textOf(text, 'lower').toLowerCase(),
  upper: (text) => textOf(text, 'upper').toUpperCase(),
  pad: (text, before, after) =>
    textOf(text, 'pad') === '' ? '' : ' '.repeat(Number(before)) + textOf(text, 'pad') + ' '.repeat(Number(after)),
  truncate: (text, length) => textOf(text, 'truncate').slice(0, Number(length)),
};

const leaveTitles = new Set(['json', 'split', 'join', 'title', 'lower', 'upper', 'truncate']);

/** A function as it is while the titles of a table are made: those that change texts leave a title as it is. */
export function titleFunction(name: string): TemplateFunction | undefined {
  return leaveTitles.has(name) ? (value) => value : functions[name];
}

export function isTrue(value: unknown): boolean {
  if (value === nil) return false;
  if (typeof value === 'object' && value !== null && typeOf(value) === 'structure') return true;
  if (typeof value === 'object' && value !== null) return lengthOf(value) > 0;
  return Boolean(value);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length;
  throw wrong(`len of ${show(value)}`);
}

/** A key that a map has not is nothing, as the zero value of texts is; past the end of a list is a mistake. */
function indexed(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    if (typeof key !== 'number' || key < 0 || key >= value.length) throw wrong(`index out of range: ${show(key)}`);
    return value[key] as unknown;
  }
  if (typeof value !== 'object') throw wrong(`can't index ${show(value)}`);
  const name = show(key);
  return value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : '';
}

function sliceOf(value: unknown, from: number, to: number): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) throw wrong(`can't slice ${show(value)}`);
  if (!(from >= 0 && from <= to && to <= value.length)) throw wrong(`index out of range: ${from}:${to}`);
  return value.slice(from, to);
}

function compare(one: unknown, other: unknown): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  if (typeof one === 'string' && typeof other === 'string') return one < other ? -1 : one === other ? 0 : 1;
  throw wrong(`cannot compare ${show(one)} and ${show(other)}`);
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw wrong(`join wants a list, not ${show(value)}`);
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw wrong(`${name} wants text, not ${show(value)}`);
}

export function wrong(what: string): OrlopError {
  return new OrlopError('invalid-argument', 'CLI_TEMPLATE', `template: ${what}`, { hint: 'see all fields with --format json' });
}
