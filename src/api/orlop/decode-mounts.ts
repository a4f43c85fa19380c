import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import { dockerMountOf, mountWishOf, type MountWish } from '#wire';

type Field = Exclude<keyof MountWish, 'type' | 'target'>;

const readers: Readonly<Record<Field, (wish: JsonReader, key: string) => unknown>> = {
  source: (wish, key) => wish.text(key),
  readOnly: (wish, key) => wish.flag(key),
  recursiveReadOnly: oneOf('if-possible', 'no', 'required'),
  nonRecursive: (wish, key) => wish.flag(key),
  propagation: (wish, key) => wish.text(key),
  createSource: (wish, key) => wish.flag(key),
  noCopy: (wish, key) => wish.flag(key),
  subpath: (wish, key) => wish.text(key),
  sizeBytes: (wish, key) => wish.integer(key),
  mode: (wish, key) => wish.integer(key),
  tmpfsOptions: (wish, key) => wish.texts(key) ?? [],
  driver: (wish, key) => wish.text(key),
  driverOptions: (wish, key) => wish.textMap(key) ?? {},
  labels: (wish, key) => wish.textMap(key) ?? {},
  uid: (wish, key) => wish.integer(key),
  gid: (wish, key) => wish.integer(key),
  short: (wish, key) => wish.text(key),
};

/** One of a launch's `mounts`. What makes no sense for its type is invalid-argument, as is a field that is not known. */
export function decodeMountWish(wish: JsonReader): MountWish {
  const fields: Record<string, unknown> = {};
  for (const key of wish.keys) {
    if (key === 'type' || key === 'target') continue;
    if (!Object.hasOwn(readers, key)) throw invalid('ORLOP_UNKNOWN_FIELD', `unknown field ${JSON.stringify(key)} of a mount`);
    fields[key] = readers[key as Field](wish, key);
  }
  const decoded = { ...fields, type: wish.text('type'), target: wish.text('target') } as MountWish;
  // The same rules as for clients of Docker's API.
  mountWishOf(dockerMountOf(decoded));
  return decoded;
}

function oneOf(...values: readonly string[]): (wish: JsonReader, key: string) => string {
  return (wish, key) => {
    const value = wish.text(key);
    if (values.includes(value)) return value;
    throw invalid('ORLOP_BAD_FIELD', `${key} must be one of ${values.join(', ')}`);
  };
}

function invalid(code: string, message: string): OrlopError {
  return new OrlopError('invalid-argument', code, message);
}
