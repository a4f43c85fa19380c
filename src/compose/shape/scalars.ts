import { formatDuration, parseSpan } from './durations.ts';
import type { Node } from './node.ts';
import { complain, isZero, variableText, type Reading, type Shape } from './shape.ts';

const latest = <T>(_base: T, over: T): T => over;

function scalar<T>(
  read: (value: string | number | boolean, node: Node, reading: Reading) => T | undefined,
  wanted: string,
  print: (value: T) => unknown = (value) => value,
): Shape<T> {
  return {
    read: (node, reading) => {
      if (node.kind !== 'scalar' || node.value === null) return complain(reading, node, `must be ${wanted}`);
      const variable = variableText(node, reading);
      if (variable !== undefined) return variable as T;
      const value = read(node.value, node, reading);
      return value === undefined ? complain(reading, node, `must be ${wanted}, not ${JSON.stringify(node.value)}`) : value;
    },
    merge: latest,
    print: (value) => (typeof value === 'string' ? value : print(value)),
    hides: isZero,
  };
}

export function text(): Shape<string> {
  return scalar((value) => (typeof value === 'string' ? value : undefined), 'a text');
}

/** Numbers are taken for their text. */
export function textOrNumber(): Shape<string> {
  return scalar((value) => (typeof value === 'boolean' ? undefined : String(value)), 'a text or a number');
}

export function oneOf<const W extends string>(...words: readonly W[]): Shape<W> {
  return scalar((value) => words.find((word) => word === value), `one of ${words.join(', ')}`);
}

export function matching(pattern: RegExp, wanted: string): Shape<string> {
  return scalar((value) => (typeof value === 'string' && pattern.test(value) ? value : undefined), wanted);
}

const truths: Readonly<Record<string, boolean>> = {
  y: true,
  yes: true,
  true: true,
  on: true,
  '1': true,
  n: false,
  no: false,
  false: false,
  off: false,
  '0': false,
};

export function flag(): Shape<boolean> {
  return scalar((value, _node, reading) => {
    if (typeof value === 'boolean') return value;
    const word = String(value).toLowerCase();
    const truth = truths[word];
    if (truth !== undefined && /^[yno]/.test(word))
      reading.warnings?.push(`"${value}" for boolean is not supported by YAML 1.2, please use \`${truth}\``);
    return truth;
  }, 'true or false');
}

export function whole(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  const wanted =
    min === Number.MIN_SAFE_INTEGER
      ? 'a whole number'
      : max === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${min}`
        : `a whole number between ${min} and ${max}`;
  return scalar((value) => {
    const number =
      typeof value === 'number' ? value : typeof value === 'string' && /^[-+]?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return Number.isInteger(number) && number >= min && number <= max ? number : undefined;
  }, wanted);
}

export function decimal(): Shape<number> {
  return scalar((value) => {
    const number =
      typeof value === 'number'
        ? value
        : typeof value === 'string' && /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(value)
          ? Number(value)
          : Number.NaN;
    return Number.isFinite(number) ? number : undefined;
  }, 'a number');
}

const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes; `64m`, `1.5gb`, `2GiB`: powers of 1024. Shown as the text of a number. */
export function size(): Shape<number> {
  return scalar(
    (value) => {
      const parts = /^([-+]?(?:\d+(?:\.\d+)?|\.\d+)) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(String(value));
      const bytes =
        parts === null ? Number.NaN : Math.trunc(Number(parts[1]) * 1024 ** (powers[(parts[2] ?? '').toLowerCase()] ?? Number.NaN));
      return Number.isSafeInteger(bytes) ? bytes : undefined;
    },
    'a size such as 64m',
    String,
  );
}

/** Nanoseconds; `1m30s`, `2d`. Shown as Go shows them. */
export function duration(): Shape<number> {
  return scalar(
    (value) => (typeof value === 'string' ? (parseSpan(value) ?? undefined) : value === 0 ? 0 : undefined),
    'a time such as 1m30s',
    formatDuration,
  );
}

/** Anything, as it is: for `x-` attributes and what belongs to others. */
export function anything(): Shape<unknown> {
  return { read: (node) => plainOf(node), merge: latest, print: (value) => value, hides: () => false };
}

/** The value without its places. */
export function plainOf(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainOf);
  return Object.fromEntries([...node.entries].map(([key, value]) => [key, plainOf(value)]));
}
