import { mistake } from '../dockerfile/errors.ts';
import type { CacheSharing } from '../dockerfile/model.ts';
import { splitCommas } from '../dockerfile/mount-fields.ts';
import { suggestion } from '../dockerfile/suggest.ts';

const types = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
type MountType = (typeof types)[number];
const sharings = ['shared', 'private', 'locked'] as const;

/** `--mount` as written, each field expanded and checked by itself and against the type. */
export interface MountOptions {
  type: MountType;
  from?: string;
  source?: string;
  target: string;
  readonly?: boolean;
  id?: string;
  sharing?: CacheSharing;
  required: boolean;
  sizeBytes?: number;
  mode?: number;
  uid?: number;
  gid?: number;
  env?: string;
}

const keys = 'type from source target readonly id sharing required size mode uid gid src dst destination ro rw readwrite env'.split(' ');

/**
 * Reads the fields of one `--mount`, in order: what depends on the type (`required`, `size`) must come after it, as in BuildKit. Fails with
 * invalid-argument.
 */
export function readMountOptions(text: string, expand: (word: string) => string): MountOptions {
  const options: MountOptions = { type: 'bind', target: '', required: false };
  for (const field of splitCommas(text)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    if (equals < 0) readWord(options, key, field);
    else readPair(options, key, expand(field.slice(equals + 1)), field);
  }
  checkTogether(options);
  return options;
}

function readWord(options: MountOptions, key: string, field: string): void {
  if (key === 'readonly' || key === 'ro') options.readonly = true;
  else if (key === 'readwrite' || key === 'rw') options.readonly = false;
  else if (key === 'required') setRequired(options, key, true);
  else throw mistake(`invalid field '${field}' must be a key=value pair`);
}

function readPair(options: MountOptions, key: string, value: string, field: string): void {
  switch (key) {
    case 'type':
      options.type = oneOf(types, value, 'mount type');
      return;
    case 'from':
      options.from = value;
      return;
    case 'source':
    case 'src':
      options.source = value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      options.target = value;
      return;
    case 'readonly':
    case 'ro':
      options.readonly = readBoolean(key, value);
      return;
    case 'readwrite':
    case 'rw':
      options.readonly = !readBoolean(key, value);
      return;
    case 'required':
      setRequired(options, key, readBoolean(key, value));
      return;
    case 'size':
      if (options.type !== 'tmpfs') throw unexpected(key, options.type);
      options.sizeBytes = readSize(value) ?? refuseValue(key, value);
      return;
    case 'id':
      options.id = value;
      return;
    case 'env':
      if (options.type !== 'secret') throw unexpected(key, options.type);
      options.env = value;
      return;
    case 'sharing':
      options.sharing = oneOf(sharings, value, 'sharing value');
      return;
    case 'mode':
    case 'uid':
    case 'gid':
      options[key] = readNumber(key, value);
      return;
    default:
      throw mistake(`unexpected key '${key}' in '${field}'${suggestion(key, keys)}`);
  }
}

function setRequired(options: MountOptions, key: string, value: boolean): void {
  if (options.type !== 'secret' && options.type !== 'ssh') throw unexpected(key, options.type);
  options.required = value;
}

function unexpected(key: string, type: MountType): Error {
  return mistake(`unexpected key '${key}' for mount type '${type}'`, 'write type= before it');
}

function refuseValue(key: string, value: string): never {
  throw mistake(`invalid value for ${key}: ${value}`);
}

function oneOf<T extends string>(known: readonly T[], value: string, what: string): T {
  const found = known.find((each) => each === value.toLowerCase());
  if (found !== undefined) return found;
  throw mistake(`unsupported ${what} ${JSON.stringify(value)}${suggestion(value, known)}`, `it is one of ${known.join(', ')}`);
}

function readBoolean(key: string, value: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  return refuseValue(key, value);
}

/** `mode` is octal. */
function readNumber(key: 'mode' | 'uid' | 'gid', value: string): number {
  const isOctal = key === 'mode';
  const number = (isOctal ? /^[0-7]{1,12}$/ : /^\d{1,10}$/).test(value) ? Number.parseInt(value, isOctal ? 8 : 10) : Number.NaN;
  if (number <= 0xff_ff_ff_ff) return number;
  throw mistake(`invalid value ${value} for ${key}`);
}

/** `64m`, `1.5GiB`, `4096`: bytes, by powers of 1024 (docker/go-units RAMInBytes). */
function readSize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,15})?) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Math.floor(Number(match[1]) * 1024 ** ' kmgtp'.indexOf((match[2] ?? '') === '' ? ' ' : (match[2] ?? '').toLowerCase()));
  return bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined;
}

function checkTogether(options: MountOptions): void {
  const { type, mode, uid, gid, sharing } = options;
  if (type === 'bind' || type === 'tmpfs') {
    for (const [key, value] of Object.entries({ mode, uid, gid })) {
      if (value !== undefined) throw mistake(`${key} not allowed for "${type}" type mounts`);
    }
  }
  if (type === 'secret') checkSecret(options);
  if (type === 'ssh' && options.source !== undefined && options.source !== '') throw mistake('ssh does not support source');
  if (sharing !== undefined && type !== 'cache') throw mistake(`invalid cache sharing set for ${type} mount`);
}

function checkSecret({ from, sharing, source = '', target, id = '', env }: MountOptions): void {
  if (from !== undefined && from !== '') throw mistake('secret mount should not have a from');
  if (sharing !== undefined) throw mistake('secret mount should not define sharing');
  if (source === '' && target === '' && id === '') throw mistake('invalid secret mount. one of source, target required', 'give it an id');
  if (source !== '' && id !== '') throw mistake("both source and id can't be set");
  if (env === '') throw mistake('invalid secret mount: env is empty');
}
