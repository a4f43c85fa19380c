import { OrlopError } from '#errors';

/**
 * A JSON object read the way Go's decoder reads it, because Docker's clients rely on it: keys match whatever their case, null is the zero value, unknown
 * keys are ignored. A value of the wrong type is invalid-argument, naming the field.
 */
export interface JsonReader {
  readonly keys: readonly string[];
  /** The value as it came; undefined when absent. */
  raw(key: string): unknown;
  text(key: string): string;
  flag(key: string): boolean;
  integer(key: string): number;
  /** null when absent or null. */
  texts(key: string): string[] | null;
  /** One text counts as a list of one, as Docker reads Cmd and Entrypoint. */
  words(key: string): string[] | null;
  textMap(key: string): Record<string, string> | null;
  /** An empty reader when absent or null. */
  object(key: string): JsonReader;
  objects(key: string): JsonReader[];
}

/** `name` is how errors call the object. invalid-argument when the value is not an object. */
export function createJsonReader(value: unknown, name: string): JsonReader {
  if (value !== undefined && value !== null && !isObject(value)) throw invalid(`${name} must be a JSON object`);
  const entries = Object.entries(value ?? {});
  const folded = new Map(entries.map(([key, item]) => [key.toLowerCase(), item]));
  const exact = new Map(entries);
  const raw = (key: string): unknown => exact.get(key) ?? folded.get(key.toLowerCase());
  const fail = (key: string, wanted: string): never => {
    throw invalid(`${name === 'body' ? '' : `${name}.`}${key} must be ${wanted}`);
  };
  const texts = (key: string): string[] | null => {
    const item = raw(key) ?? null;
    if (item === null) return null;
    return Array.isArray(item) && item.every((entry) => typeof entry === 'string') ? item : fail(key, 'a list of texts');
  };
  const list = (key: string): unknown[] => {
    const item = raw(key) ?? [];
    return Array.isArray(item) ? item : fail(key, 'a list');
  };
  return {
    keys: entries.map(([key]) => key),
    raw,
    text: (key) => {
      const item = raw(key) ?? '';
      return typeof item === 'string' ? item : fail(key, 'a text');
    },
    flag: (key) => {
      const item = raw(key) ?? false;
      return typeof item === 'boolean' ? item : fail(key, 'true or false');
    },
    integer: (key) => {
      const item = raw(key) ?? 0;
      return Number.isSafeInteger(item) ? (item as number) : fail(key, 'a whole number');
    },
    texts,
    words: (key) => {
      const item = raw(key);
      return typeof item === 'string' ? [item] : texts(key);
    },
    textMap: (key) => {
      const item = raw(key) ?? null;
      if (item === null) return null;
      return isObject(item) && Object.values(item).every((entry) => typeof entry === 'string')
        ? (item as Record<string, string>)
        : fail(key, 'an object of texts');
    },
    object: (key) => createJsonReader(raw(key), name === 'body' ? key : `${name}.${key}`),
    objects: (key) => list(key).map((item, at) => createJsonReader(item, `${key}[${at}]`)),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'HTTP_BAD_BODY', message);
}
