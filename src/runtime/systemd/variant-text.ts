import { deepestNesting } from './signature.ts';
import type { BusValue, Variant } from './values.ts';

interface Cursor {
  readonly text: string;
  at: number;
}

/** Keywords of GVariant's text format that fix a type. */
const keywords: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
};

const ranges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  y: [0n, 0xffn],
  n: [-0x8000n, 0x7fffn],
  q: [0n, 0xffffn],
  i: [-0x8000_0000n, 0x7fff_ffffn],
  u: [0n, 0xffff_ffffn],
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, 2n ** 64n - 1n],
};

/**
 * GVariant's text format, as `org.systemd.property.*` annotations hold it: `true`, `uint64 5`, `'text'`, `[1, 2]`, `@as []`, `byte 0x1f`. Numbers are int32
 * or double when nothing else is said. Gives null for what is none; tuples, dictionaries and maybes are not understood.
 */
export function parseVariantText(text: string): Variant | null {
  const cursor: Cursor = { text, at: 0 };
  const variant = parseValue(cursor, null, 0);
  skipSpace(cursor);
  return variant === null || cursor.at !== text.length ? null : variant;
}

function parseValue(cursor: Cursor, wanted: string | null, depth: number): Variant | null {
  skipSpace(cursor);
  if (depth > deepestNesting) return null;
  const annotation = match(cursor, /@(a*[bynqiuxtdsog])(?=\s)/y)?.[1];
  if (annotation !== undefined) return wanted === null || wanted === annotation ? parseValue(cursor, annotation, depth + 1) : null;
  const word = match(cursor, /[a-z]+\d*(?=\s|$|,|\])/y)?.[0];
  if (word === 'true' || word === 'false') return ofType(wanted, 'b', word === 'true');
  if (word !== undefined) {
    const signature = keywords[word];
    return signature !== undefined && (wanted === null || wanted === signature) ? parseValue(cursor, signature, depth + 1) : null;
  }
  const first = cursor.text[cursor.at];
  if (first === '[') return parseList(cursor, wanted, depth);
  if (first === '"' || first === "'") return parseQuoted(cursor, wanted, first);
  return parseNumber(cursor, wanted);
}

function parseList(cursor: Cursor, wanted: string | null, depth: number): Variant | null {
  cursor.at += 1;
  if (wanted !== null && !wanted.startsWith('a')) return null;
  let element = wanted?.slice(1) ?? null;
  const values: BusValue[] = [];
  skipSpace(cursor);
  while (match(cursor, /\]/y) === null) {
    if (values.length > 0 && match(cursor, /,/y) === null) return null;
    const one = parseValue(cursor, element, depth + 1);
    if (one === null) return null;
    // The first element's type is that of all the others.
    element = one.signature;
    values.push(one.value);
    skipSpace(cursor);
  }
  return element === null ? null : { signature: `a${element}`, value: values };
}

function parseQuoted(cursor: Cursor, wanted: string | null, quote: string): Variant | null {
  const body = match(cursor, quote === '"' ? /"((?:[^"\\]|\\.)*)"/sy : /'((?:[^'\\]|\\.)*)'/sy)?.[1];
  if (body === undefined || (wanted !== null && !'sog'.includes(wanted))) return null;
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };
  const value = body.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_all, code: string | undefined, plain: string) =>
    code === undefined ? (escapes[plain] ?? plain) : String.fromCharCode(Number.parseInt(code, 16)),
  );
  return value.includes('\0') ? null : { signature: wanted ?? 's', value };
}

function parseNumber(cursor: Cursor, wanted: string | null): Variant | null {
  const text = match(cursor, /[-+]?(?:0x[0-9a-fA-F]+|\d+(?:\.\d*)?(?:e[-+]?\d+)?|inf|nan)/iy)?.[0];
  if (text === undefined) return null;
  const whole = /^[-+]?(?:0x[0-9a-f]+|\d+)$/i.test(text);
  const signature = wanted ?? (whole ? 'i' : 'd');
  if (signature === 'd')
    return { signature, value: /inf/i.test(text) ? Number.POSITIVE_INFINITY * (text.startsWith('-') ? -1 : 1) : Number(text) };
  const range = ranges[signature];
  if (!whole || range === undefined) return null;
  const digits = text.replace(/^[-+]/, '');
  // A leading zero makes it octal, as in C.
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : /^0\d/.test(digits) ? -1n : digits);
  const value = text.startsWith('-') ? -magnitude : magnitude;
  if (magnitude < 0n || value < range[0] || value > range[1]) return null;
  return { signature, value: 'xt'.includes(signature) ? value : Number(value) };
}

function ofType(wanted: string | null, signature: string, value: BusValue): Variant | null {
  return wanted === null || wanted === signature ? { signature, value } : null;
}

function skipSpace(cursor: Cursor): void {
  match(cursor, /\s*/y);
}

function match(cursor: Cursor, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text);
  if (found !== null) cursor.at = pattern.lastIndex;
  return found;
}
