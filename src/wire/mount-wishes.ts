import { OrlopError } from '#errors';
import type { DockerMount, MountType, MountWish, Propagation, RecursiveReadOnly } from './volumes.ts';

const propagations: ReadonlySet<string> = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']);
/** One more means "none". */
const highestId = 0xffff_fffe;
const tmpfsWords: ReadonlySet<string> = new Set(['exec', 'noexec']);

/** Which of Docker's groups of options belongs to which type. */
const optionGroups = {
  BindOptions: 'bind',
  VolumeOptions: 'volume',
  TmpfsOptions: 'tmpfs',
  ImageOptions: 'image',
} as const satisfies Record<string, MountType>;

/** One of `HostConfig.Mounts` as a wish. Invalid-argument `MOUNT_INVALID` in Docker's words. Whether a bound path exists is for the engine to see. */
export function mountWishOf(mount: DockerMount): MountWish {
  const { Type: type, Target: target, ReadOnly: readOnly = false } = mount;
  const problem = problemOf(mount);
  if (problem !== null || !isMountType(type)) throw invalid(type, problem ?? 'mount type unknown');
  return {
    type,
    target,
    ...(mount.Source === undefined || mount.Source === '' ? {} : { source: mount.Source }),
    ...(readOnly ? { readOnly } : {}),
    ...(mount.Uid === undefined ? {} : { uid: mount.Uid }),
    ...(mount.Gid === undefined ? {} : { gid: mount.Gid }),
    ...bindWishes(mount.BindOptions),
    ...volumeWishes(mount.VolumeOptions),
    ...tmpfsWishes(mount.TmpfsOptions),
    ...subpathOf(mount.ImageOptions),
  };
}

function isMountType(type: string): type is MountType {
  return Object.values<string>(optionGroups).includes(type);
}

/** What is wrong with a place in a container, in Docker's words; null when nothing is. */
export function checkMountTarget(target: string): string | null {
  if (target === '') return 'field Target must not be empty';
  if (target.includes('\0')) return 'field Target must not contain NUL';
  if (!target.startsWith('/')) return `invalid mount path: '${target}' mount path must be absolute`;
  return resolvesToRoot(target) ? "invalid specification: destination can't be '/'" : null;
}

/** path.Clean of Go's, where it ends at the root. */
function resolvesToRoot(path: string): boolean {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.length === 0;
}

function problemOf(mount: DockerMount): string | null {
  const { Type: type, Source: source = '' } = mount;
  const target = checkMountTarget(mount.Target);
  if (target !== null) return target;
  if (!isMountType(type)) return 'mount type unknown';
  for (const [group, owner] of Object.entries(optionGroups)) {
    if (owner !== type && mount[group as keyof typeof optionGroups] !== undefined) return `field ${group} must not be specified`;
  }
  if (type === 'tmpfs' && source !== '') return 'field Source must not be specified';
  if ((type === 'bind' || type === 'image') && source === '') return 'field Source must not be empty';
  if ((mount.Uid ?? mount.Gid) !== undefined && type !== 'bind' && type !== 'volume') return 'uid and gid are for binds and volumes';
  if ([mount.Uid, mount.Gid].some((id) => id !== undefined && (id < 0 || id > highestId)))
    return 'uid and gid are numbers below 4294967295';
  return bindProblem(mount) ?? volumeProblem(mount) ?? tmpfsProblem(mount.TmpfsOptions);
}

function bindProblem({ Type: type, Source: source = '', ReadOnly: readOnly, BindOptions: options = {} }: DockerMount): string | null {
  if (type !== 'bind') return null;
  const { Propagation: propagation = '', ReadOnlyNonRecursive: shallow, ReadOnlyForceRecursive: forced } = options;
  if (propagation !== '' && !propagations.has(propagation)) return `invalid propagation mode: ${propagation}`;
  if (!source.startsWith('/')) return `invalid mount path: '${source}' mount path must be absolute`;
  if ((shallow === true || forced === true) && readOnly !== true) return 'ReadOnlyNonRecursive and ReadOnlyForceRecursive need ReadOnly';
  if (shallow === true && forced === true) return 'ReadOnlyNonRecursive and ReadOnlyForceRecursive cannot both be set';
  return null;
}

function volumeProblem({ Type: type, Source: source = '', ReadOnly: readOnly, ...mount }: DockerMount): string | null {
  const { Subpath: subpath = '' } = mount.VolumeOptions ?? mount.ImageOptions ?? {};
  if (type === 'volume' && subpath !== '' && source === '') return 'must not set Subpath when using anonymous volumes';
  if (type === 'volume' && readOnly === true && source === '') return 'must not set ReadOnly mode when using anonymous volumes';
  if (!staysBelow(subpath)) return 'subpath must be a relative path within the volume';
  return null;
}

/** By its words alone; what links in the volume do is seen when it is opened. */
function staysBelow(path: string): boolean {
  if (path.startsWith('/') || path.includes('\0')) return false;
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return true;
}

function tmpfsProblem({ SizeBytes: size = 0, Mode: mode = 0, Options: options = [] }: DockerMount['TmpfsOptions'] = {}): string | null {
  if (size < 0) return `invalid tmpfs size: ${size}`;
  if (mode < 0 || mode > 0o7777) return `invalid tmpfs mode: ${mode.toString(8)}`;
  for (const option of options) {
    if (option.length !== 1 && option.length !== 2) return 'invalid option array length';
    if (option.length === 2 || !tmpfsWords.has(option[0] ?? '')) return `invalid option: ${option[0] ?? ''}`;
  }
  return null;
}

function bindWishes(options: DockerMount['BindOptions']): Partial<MountWish> {
  if (options === undefined) return {};
  const { Propagation: propagation = '', NonRecursive: nonRecursive, CreateMountpoint: create } = options;
  const recursiveReadOnly: RecursiveReadOnly | null =
    options.ReadOnlyNonRecursive === true ? 'no' : options.ReadOnlyForceRecursive === true ? 'required' : null;
  return {
    ...(propagation === '' ? {} : { propagation: propagation as Propagation }),
    ...(nonRecursive === true ? { nonRecursive } : {}),
    ...(create === true ? { createSource: true } : {}),
    ...(recursiveReadOnly === null ? {} : { recursiveReadOnly }),
  };
}

function volumeWishes(options: DockerMount['VolumeOptions']): Partial<MountWish> {
  if (options === undefined) return {};
  const { NoCopy: noCopy, Labels: labels = {}, DriverConfig: { Name: driver = '', Options: driverOptions = {} } = {} } = options;
  return {
    ...(noCopy === true ? { noCopy } : {}),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(driver === '' ? {} : { driver }),
    ...(Object.keys(driverOptions).length === 0 ? {} : { driverOptions }),
    ...subpathOf(options),
  };
}

function tmpfsWishes(options: DockerMount['TmpfsOptions']): Partial<MountWish> {
  const { SizeBytes: sizeBytes = 0, Mode: mode = 0, Options: words = [] } = options ?? {};
  return {
    ...(sizeBytes === 0 ? {} : { sizeBytes }),
    ...(mode === 0 ? {} : { mode }),
    ...(words.length === 0 ? {} : { tmpfsOptions: words.map(([word = '']) => word) }),
  };
}

function subpathOf(options: { Subpath?: string } | undefined): Pick<MountWish, 'subpath'> {
  const { Subpath: subpath = '' } = options ?? {};
  return subpath === '' ? {} : { subpath };
}

function invalid(type: string, problem: string): OrlopError {
  return new OrlopError('invalid-argument', 'MOUNT_INVALID', `invalid mount config for type ${JSON.stringify(type)}: ${problem}`);
}

/** The inverse of `mountWishOf`. */
export function dockerMountOf(wish: MountWish): DockerMount {
  const { type, source, target, readOnly, uid, gid } = wish;
  return {
    Type: type,
    ...(source === undefined ? {} : { Source: source }),
    Target: target,
    ...(readOnly === true ? { ReadOnly: true } : {}),
    ...(uid === undefined ? {} : { Uid: uid }),
    ...(gid === undefined ? {} : { Gid: gid }),
    ...optionsOf(wish),
  };
}

function optionsOf(wish: MountWish): Partial<DockerMount> {
  switch (wish.type) {
    case 'bind':
      return filled('BindOptions', {
        Propagation: wish.propagation,
        NonRecursive: wish.nonRecursive,
        CreateMountpoint: wish.createSource,
        ReadOnlyNonRecursive: wish.recursiveReadOnly === 'no' || undefined,
        ReadOnlyForceRecursive: wish.recursiveReadOnly === 'required' || undefined,
      });
    case 'volume': {
      const { driver, driverOptions } = wish;
      const config = driver === undefined && driverOptions === undefined ? undefined : definedOf({ Name: driver, Options: driverOptions });
      return filled('VolumeOptions', { NoCopy: wish.noCopy, Labels: wish.labels, DriverConfig: config, Subpath: wish.subpath });
    }
    case 'tmpfs':
      return filled('TmpfsOptions', {
        SizeBytes: wish.sizeBytes,
        Mode: wish.mode,
        Options: wish.tmpfsOptions?.map((word) => [word]),
      });
    case 'image':
      return filled('ImageOptions', { Subpath: wish.subpath });
  }
}

function filled(group: keyof DockerMount, options: Readonly<Record<string, unknown>>): Partial<DockerMount> {
  const defined = definedOf(options);
  return Object.keys(defined).length === 0 ? {} : { [group]: defined };
}

function definedOf(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
