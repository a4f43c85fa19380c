import { OrlopError } from '#errors';

/** Checks a JSON value and gives it a type; throws invalid-argument `OCI_BAD_JSON` naming the document and the path within it. */
export type Decoder<T> = (value: unknown, path: string) => T;

interface RequiredField<T> {
  readonly decode: Decoder<T>;
  readonly optional: false;
  /** What stands for an absent value. */
  readonly preset?: T;
}
interface OptionalField<T> {
  readonly decode: Decoder<T>;
  readonly optional: true;
}

/** One field description for each property of T: the compiler refuses a decoder that forgets one. */
export type Fields<T> = {
  readonly [K in keyof T]-?: object extends Pick<T, K> ? OptionalField<Exclude<T[K], undefined>> : RequiredField<T[K]>;
};

export function required<T>(decode: Decoder<T>): RequiredField<T> {
  return { decode, optional: false };
}

/** A property that the specification requires, and that programs leave out nevertheless: Go's writers omit zeros. */
export function preset<T>(decode: Decoder<T>, value: T): RequiredField<T> {
  return { decode, optional: false, preset: value };
}

/** Absent and `null` mean the same, as for Go's decoder, which most documents were made for. */
export function optional<T>(decode: Decoder<T>): OptionalField<T> {
  return { decode, optional: true };
}

export function refuse(path: string, expected: string, value: unknown): never {
  throw new OrlopError('invalid-argument', 'OCI_BAD_JSON', `${path}: expected ${expected}, found ${sketch(value)}`);
}

/** Unknown properties are ignored, as OCI's specifications ask. */
export function object<T extends object>(fields: Fields<T>): Decoder<T> {
  const entries = Object.entries<RequiredField<unknown> | OptionalField<unknown>>(fields);
  return (value, path) => {
    const source = asObject(value, path);
    const result: [string, unknown][] = [];
    const others = otherwiseCased(source, entries);
    for (const [name, field] of entries) {
      const inner = Object.hasOwn(source, name) ? source[name] : others?.get(name.toLowerCase());
      if (inner !== undefined && !(inner === null && field.optional)) result.push([name, field.decode(inner, `${path}.${name}`)]);
      else if (!field.optional && inner === undefined && field.preset !== undefined) result.push([name, field.preset]);
      else if (!field.optional) refuse(`${path}.${name}`, 'a value', inner);
    }
    return Object.fromEntries(result) as T;
  };
}

/**
 * What bears none of the names as they stand, by its name in small letters; null when there is nothing of that kind. Whoever reads JSON with Go's library takes
 * such fields for the named ones, so that files exist which count on it.
 */
function otherwiseCased(
  source: Readonly<Record<string, unknown>>,
  entries: readonly (readonly [string, unknown])[],
): Map<string, unknown> | null {
  const names = Object.keys(source);
  const known = entries.filter(([name]) => Object.hasOwn(source, name));
  if (known.length === names.length) return null;
  const exact = new Set(known.map(([name]) => name));
  return new Map(names.filter((name) => !exact.has(name)).map((name) => [name.toLowerCase(), source[name]]));
}

export function array<T>(decode: Decoder<T>, maxItems = 10_000): Decoder<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) refuse(path, 'an array', value);
    if (value.length > maxItems) refuse(path, `at most ${maxItems} items`, value);
    return value.map((item: unknown, index) => decode(item, `${path}[${index}]`));
  };
}

/** An array where `null` stands for the empty one. */
export function arrayOrNull<T>(decode: Decoder<T>, maxItems?: number): Decoder<readonly T[]> {
  const strict = array(decode, maxItems);
  return (value, path) => (value === null ? [] : strict(value, path));
}

export function record<T>(decode: Decoder<T>, maxEntries = 10_000): Decoder<Readonly<Record<string, T>>> {
  return (value, path) => {
    const entries = Object.entries(asObject(value, path));
    if (entries.length > maxEntries) refuse(path, `at most ${maxEntries} entries`, value);
    // Object.fromEntries defines own properties, so a key such as "__proto__" stays a key.
    return Object.fromEntries(entries.map(([key, inner]) => [key, decode(inner, `${path}[${JSON.stringify(key)}]`)]));
  };
}

export const string: Decoder<string> = (value, path) => (typeof value === 'string' ? value : refuse(path, 'a string', value));

export const nonEmptyString: Decoder<string> = (value, path) =>
  typeof value === 'string' && value !== '' ? value : refuse(path, 'a non-empty string', value);

/** Text that will reach the kernel as a C string. */
export const cString: Decoder<string> = (value, path) =>
  typeof value === 'string' && !value.includes('\0') ? value : refuse(path, 'a string without NUL', value);

export const boolean: Decoder<boolean> = (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'true or false', value));

export function integer(minimum: number, maximum: number): Decoder<number> {
  return (value, path) => {
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number)) return refuse(path, 'an integer', value);
    if (number < minimum || number > maximum) refuse(path, `an integer from ${minimum} to ${maximum}`, value);
    return number;
  };
}

export const uint32 = integer(0, 2 ** 32 - 1);
export const int32 = integer(-(2 ** 31), 2 ** 31 - 1);
/** A 64-bit quantity where a rounding error above 2^53 is harmless (bytes, microseconds). */
export const int64 = integer(-(2 ** 63), 2 ** 63);
export const uint64 = integer(0, 2 ** 64);

/** A 64-bit quantity whose every bit counts: a bigint when `parseJson` kept one. */
export const exactUint64: Decoder<number | bigint> = (value, path) => {
  if (typeof value !== 'bigint') return uint64(value, path);
  return value >= 0n && value < 1n << 64n ? value : refuse(path, 'an unsigned 64-bit integer', value);
};

export function oneOf<const T extends string>(values: readonly T[]): Decoder<T> {
  const known = new Set<string>(values);
  return (value, path) =>
    typeof value === 'string' && known.has(value) ? (value as T) : refuse(path, `one of ${values.join(', ')}`, value);
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(path, 'an object', value);
  return value as Record<string, unknown>;
}

function sketch(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'string') return JSON.stringify(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
