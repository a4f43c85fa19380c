import { resolve } from 'node:path';
import { mountWishOf, type DockerMount, type MountWish } from '#wire';
import { usageError } from '../arguments/usage-error.ts';
import { splitFields } from './fields.ts';
import { parseBytes } from './size.ts';

interface Draft {
  readonly mount: DockerMount;
  readonly bind: NonNullable<DockerMount['BindOptions']>;
  readonly volume: NonNullable<DockerMount['VolumeOptions']>;
  readonly tmpfs: NonNullable<DockerMount['TmpfsOptions']>;
  readonly image: NonNullable<DockerMount['ImageOptions']>;
  readonly labels: Record<string, string>;
  readonly driverOptions: Record<string, string>;
}

type Setter = (draft: Draft, value: string, key: string, directory: string) => void;

const setters: Readonly<Record<string, Setter>> = {
  type: ({ mount }, value) => void (mount.Type = value.toLowerCase()),
  source: ({ mount }, value, _key, directory) => void (mount.Source = /^\.(?:\/|$)/.test(value) ? resolve(directory, value) : value),
  target: ({ mount }, value) => void (mount.Target = value),
  readonly: ({ mount }, value, key) => void (mount.ReadOnly = flagOf(key, value)),
  consistency: ({ mount }, value) => void (mount.Consistency = value.toLowerCase()),
  uid: ({ mount }, value, key) => void (mount.Uid = idOf(key, value)),
  gid: ({ mount }, value, key) => void (mount.Gid = idOf(key, value)),
  'bind-propagation': ({ bind }, value) => void (bind.Propagation = value.toLowerCase()),
  'bind-nonrecursive': ({ bind }, value, key) => void (bind.NonRecursive = flagOf(key, value)),
  'bind-create-src': ({ bind }, value, key) => void (bind.CreateMountpoint = flagOf(key, value)),
  'bind-recursive': ({ bind }, value) => Object.assign(bind, recursionOf(value)),
  'volume-nocopy': ({ volume }, value, key) => void (volume.NoCopy = flagOf(key, value)),
  'volume-subpath': ({ volume }, value) => void (volume.Subpath = value),
  'volume-label': (draft, value) => addPair(draft.volume, draft.labels, 'Labels', value),
  'volume-driver': ({ volume }, value) => void (volume.DriverConfig = { ...volume.DriverConfig, Name: value }),
  'volume-opt': ({ volume, driverOptions }, value) => {
    setPair(driverOptions, value);
    volume.DriverConfig = { ...volume.DriverConfig, Options: driverOptions };
  },
  'image-subpath': ({ image }, value) => void (image.Subpath = value),
  'tmpfs-size': ({ tmpfs }, value, key) => void (tmpfs.SizeBytes = parseBytes(key, value)),
  'tmpfs-mode': ({ tmpfs }, value, key) => void (tmpfs.Mode = modeOf(key, value)),
};

const aliases: Readonly<Record<string, string>> = { src: 'source', dst: 'target', destination: 'target', ro: 'readonly' };
/** May stand without a value. */
const bare = new Set(['readonly', 'volume-nocopy', 'bind-nonrecursive', 'bind-create-src']);

/** Docker's `--mount`: `type=bind,source=/src,target=/dst,readonly`, with its words for what is wrong. `uid` and `gid` are ours. */
export function parseMountFlag(text: string, directory: string): MountWish {
  const draft: Draft = { mount: { Type: 'volume', Target: '' }, bind: {}, volume: {}, tmpfs: {}, image: {}, labels: {}, driverOptions: {} };
  for (const field of splitFields(text)) {
    const mark = field.indexOf('=');
    const word = (mark < 0 ? field : field.slice(0, mark)).toLowerCase();
    const key = Object.hasOwn(aliases, word) ? (aliases[word] ?? word) : word;
    if (mark < 0 && !bare.has(key)) throw usageError(`invalid field '${field}' must be a key=value pair`);
    const set = Object.hasOwn(setters, key) ? setters[key] : undefined;
    if (set === undefined) throw usageError(`unexpected key '${word}' in '${field}'`);
    set(draft, mark < 0 ? 'true' : field.slice(mark + 1), key, directory);
  }
  return mountWishOf(assemble(draft));
}

function assemble({ mount, bind, volume, tmpfs, image }: Draft): DockerMount {
  if (mount.Type === '') throw usageError('type is required');
  if (mount.Target === '') throw usageError('target is required');
  const groups = {
    bind: ['BindOptions', bind],
    volume: ['VolumeOptions', volume],
    tmpfs: ['TmpfsOptions', tmpfs],
    image: ['ImageOptions', image],
  } as const;
  const given: Partial<DockerMount> = {};
  for (const [type, [field, options]] of Object.entries(groups)) {
    if (Object.keys(options).length === 0) continue;
    if (type !== mount.Type) throw usageError(`cannot mix '${type}-*' options with mount type '${mount.Type}'`);
    Object.assign(given, { [field]: options });
  }
  checkRecursion(mount, bind);
  return { ...mount, ...given };
}

function recursionOf(value: string): NonNullable<DockerMount['BindOptions']> {
  switch (value) {
    case 'enabled':
      return {};
    case 'disabled':
      return { NonRecursive: true };
    case 'writable':
      return { ReadOnlyNonRecursive: true };
    case 'readonly':
      return { ReadOnlyForceRecursive: true };
    default:
      throw usageError(`invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
  }
}

function checkRecursion({ ReadOnly: readOnly }: DockerMount, bind: Draft['bind']): void {
  const word = bind.ReadOnlyNonRecursive === true ? 'writable' : bind.ReadOnlyForceRecursive === true ? 'readonly' : null;
  if (word === null) return;
  if (readOnly !== true) throw usageError(`option 'bind-recursive=${word}' requires 'readonly' to be specified in conjunction`);
  if (word === 'readonly' && (bind.Propagation ?? 'rprivate') !== 'rprivate')
    throw usageError(`option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction`);
}

function addPair(volume: Draft['volume'], labels: Record<string, string>, field: 'Labels', value: string): void {
  setPair(labels, value);
  volume[field] = labels;
}

function setPair(target: Record<string, string>, text: string): void {
  const mark = text.indexOf('=');
  const name = mark < 0 ? text : text.slice(0, mark);
  if (name !== '') target[name] = mark < 0 ? '' : text.slice(mark + 1);
}

/** What Go's strconv.ParseBool takes. */
function flagOf(key: string, value: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw usageError(`invalid value for ${key}: ${value}`);
}

function modeOf(key: string, value: string): number {
  if (!/^[0-7]{1,6}$/.test(value)) throw usageError(`invalid value for ${key}: ${value}`);
  return Number.parseInt(value, 8);
}

function idOf(key: string, value: string): number {
  if (!/^\d{1,10}$/.test(value) || Number(value) > 0xffff_fffe) throw usageError(`invalid value for ${key}: ${value}`);
  return Number(value);
}
