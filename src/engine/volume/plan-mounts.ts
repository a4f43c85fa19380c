import { posix } from 'node:path';
import { OrlopError } from '#errors';
import { checkMountTarget, shortOptionsOf, type MountWish } from '#wire';
import type { ResolvedMount } from './resolved-mount.ts';

export interface MountSources {
  readonly wishes: readonly MountWish[];
  /** Of the containers that `volumesFrom` names, in its order, with its modes. */
  readonly inherited: readonly ResolvedMount[];
  /** Places of anonymous volumes: of the request and of the image. */
  readonly volumes: readonly string[];
  /** Places of `--tmpfs`. */
  readonly tmpfs: readonly string[];
  /** By reference, for image mounts. */
  readonly images: ReadonlyMap<string, NonNullable<ResolvedMount['image']>>;
  readonly volumeDriver?: string;
  readonly createName: () => string;
  readonly pathOf: (volume: string) => string;
}

/** Each goes to the container's first process as a descriptor, of which a message takes 253 (unix(7)), and the rest of a start needs some. */
const mostMounts = 200;

/**
 * What a container mounts where, by Docker's rules: what is asked for takes the place of what is inherited, later containers that of earlier ones, and volumes of
 * the image come last, where nothing else is. By depth, so that none hides another. Two wishes for one place are invalid-argument. Pure but for new names.
 */
export function planContainerMounts(sources: MountSources): ResolvedMount[] {
  const byTarget = new Map<string, ResolvedMount>();
  for (const mount of sources.inherited) byTarget.set(mount.target, mount);
  const asked = new Set(sources.tmpfs.map(cleanTarget));
  for (const wish of sources.wishes) {
    const target = cleanTarget(wish.target);
    if (asked.has(target)) throw duplicate(target);
    asked.add(target);
    byTarget.set(target, resolveWish(wish, sources));
  }
  for (const place of sources.volumes) {
    const problem = checkMountTarget(place);
    if (problem !== null) throw invalid(`invalid mount config for type "volume": ${problem}`);
    const target = cleanTarget(place);
    if (byTarget.has(target) || asked.has(target)) continue;
    const wish: MountWish = { type: 'volume', target, ...(sources.volumeDriver === undefined ? {} : { driver: sources.volumeDriver }) };
    byTarget.set(target, { ...resolveWish(wish, sources), shortOptions: '' });
  }
  if (byTarget.size > mostMounts) throw invalid(`a container has at most ${mostMounts} mounts, not ${byTarget.size}`);
  return [...byTarget.values()].toSorted((one, other) => depthOf(one.target) - depthOf(other.target));
}

function resolveWish(wish: MountWish, { createName, pathOf, images }: MountSources): ResolvedMount {
  const { type, readOnly = false, short, propagation, nonRecursive, recursiveReadOnly, createSource } = wish;
  const shortOptions = short === undefined ? '' : shortOptionsOf(short);
  const source = wish.source ?? (type === 'volume' ? createName() : '');
  const common = {
    type,
    target: cleanTarget(wish.target),
    source: type === 'bind' ? cleanTarget(source) : source,
    readOnly,
    ...owners(wish),
    ...(wish.subpath === undefined ? {} : { subpath: wish.subpath }),
  };
  switch (type) {
    case 'bind':
      return {
        ...common,
        shortOptions,
        propagation: propagation ?? 'rprivate',
        recursive: nonRecursive !== true,
        ...(recursiveReadOnly === 'no' ? { shallowReadOnly: true } : {}),
        ...(createSource === true ? { createSource } : {}),
      };
    case 'volume':
      return {
        ...common,
        // Docker's way to say that it is labelled where there is SELinux.
        shortOptions: shortOptions === '' && (wish.source !== undefined || short === undefined) ? 'z' : shortOptions,
        hostPath: pathOf(source),
        driver: wish.driver ?? 'local',
        ...(wish.source === undefined ? { isAnonymous: true } : {}),
        ...volumeWishes(wish),
      };
    case 'image': {
      const image = images.get(source);
      return { ...common, readOnly: true, shortOptions, propagation: 'rprivate', ...(image === undefined ? {} : { image }) };
    }
    case 'tmpfs':
      return { ...common, shortOptions, ...tmpfsWishes(wish) };
  }
}

function owners({ uid, gid }: MountWish): Pick<MountWish, 'uid' | 'gid'> {
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
}

function volumeWishes({ noCopy, labels, driverOptions }: MountWish): Pick<MountWish, 'noCopy' | 'labels' | 'driverOptions'> {
  return {
    ...(noCopy === undefined ? {} : { noCopy }),
    ...(labels === undefined ? {} : { labels }),
    ...(driverOptions === undefined ? {} : { driverOptions }),
  };
}

function tmpfsWishes({ sizeBytes, mode, tmpfsOptions }: MountWish): Pick<MountWish, 'sizeBytes' | 'mode' | 'tmpfsOptions'> {
  return {
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(mode === undefined ? {} : { mode }),
    ...(tmpfsOptions === undefined ? {} : { tmpfsOptions }),
  };
}

function cleanTarget(target: string): string {
  return posix.resolve('/', target);
}

function depthOf(target: string): number {
  return target.split('/').length;
}

/** `NAME`, `NAME:ro`, `NAME:rw`, with Docker's `container:` before it or not. */
export function parseVolumesFrom(text: string): { readonly ref: string; readonly readOnly: boolean } {
  const [ref = '', mode = 'rw', ...rest] = text.replace(/^container:/, '').split(':');
  if (ref === '') throw invalid('volumes-from specification cannot be an empty string');
  // Of a short form's options only these two make sense for what is mounted already; labels do nothing, as elsewhere.
  if (rest.length > 0 || !/^(?:ro|rw)?(?:,?[zZ])?$/.test(mode)) throw invalid(`invalid mode: ${[mode, ...rest].join(':')}`);
  return { ref, readOnly: mode.startsWith('ro') };
}

function duplicate(target: string): OrlopError {
  return invalid(`Duplicate mount point: ${target}`);
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_MOUNT_INVALID', message);
}
