import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isErrno, isOrlopError, OrlopError } from '#errors';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import type { ReadySandbox } from '../sandbox-pool.ts';
import { publishVolumeEvent } from './events.ts';
import { openImageMount } from './image-mounts.ts';
import { volumesOf, type ResolvedMount } from './resolved-mount.ts';
import { openSourceMount, piecesOf, type SourceFacts } from './source-mounts.ts';

/** Bytes; a secret or a file of settings is shorter. */
const longestCopy = 1024 * 1024;

export interface OpenedMounts {
  /** By their places. */
  readonly opened: Map<string, number>;
  /** Those that became mounts of their own because what they are below could not be mapped whole (source-mounts.ts, `piecesOf`). */
  readonly below: readonly ResolvedMount[];
}

/**
 * Binds, volumes and images of a container as detached mounts; `borrow` closes a descriptor once the start is over. Volumes are acquired: whatever
 * comes of it, `releaseMounts` is to follow.
 */
export async function openMounts(
  context: EngineContext,
  record: ContainerRecord,
  mounts: readonly ResolvedMount[],
  ready: ReadySandbox,
  borrow: (descriptor: number) => number,
): Promise<OpenedMounts> {
  const opened = new Map<string, number>();
  const below: ResolvedMount[] = [];
  for (const mount of mounts) {
    if (mount.type === 'tmpfs') continue;
    try {
      opened.set(mount.target, borrow(await openMount(context, record, mount, ready)));
    } catch (error) {
      // Those of devices are not in the record, and their places are not ordered.
      if (!canBePieces(mount, error) || !record.mounts.includes(mount)) throw error;
      const others = mounts.map(({ target }) => target).filter((target) => target !== mount.target && isAtOrBelow(target, mount.target));
      for (const [piece, descriptor] of openPieces(context, record, mount, { ready, others })) {
        opened.set(piece.target, borrow(descriptor));
        if (piece.target !== mount.target) below.push(piece);
      }
    }
  }
  if (ready.idRange === null || opened.size === 0) return { opened, below };
  try {
    return { opened: lockAll(context, opened, borrow), below };
  } catch (error) {
    throw isErrno(error, 'ENOENT') ? removedMeanwhile(record, error) : error;
  }
}

function canBePieces({ type, recursive }: ResolvedMount, error: unknown): boolean {
  return type === 'bind' && recursive === true && isOrlopError(error) && error.code === 'ENGINE_MOUNT_OWNERS';
}

function isAtOrBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(top === '/' ? '/' : `${top}/`);
}

/** Of what is mounted below, that cannot be mapped stays as it is, and that cannot be reached is left out. `others`: places that are somebody else's. */
function* openPieces(
  { addon, logger }: EngineContext,
  { name }: ContainerRecord,
  mount: ResolvedMount,
  { ready, others }: { readonly ready: ReadySandbox; readonly others: readonly string[] },
): Generator<[ResolvedMount, number]> {
  const facts = { addon, range: ready.idRange };
  const [top, ...rest] = piecesOf(mount);
  if (top === undefined) return;
  yield [top, openSourceMount(facts, top, top.source)];
  for (const piece of rest) {
    if (others.some((other) => isAtOrBelow(piece.target, other))) continue;
    try {
      yield [piece, openSourceMount(facts, piece, piece.source)];
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EACCES') || (isOrlopError(error) && error.code === 'ENGINE_MOUNT_SOURCE')) continue;
      if (!isOrlopError(error) || error.code !== 'ENGINE_MOUNT_OWNERS') throw error;
      logger.warn('what a container mounts keeps the owners of the host', { container: name, source: piece.source });
      yield [piece, openSourceMount({ ...facts, asIs: true }, piece, piece.source)];
    }
  }
}

async function openMount(context: EngineContext, record: ContainerRecord, mount: ResolvedMount, ready: ReadySandbox): Promise<number> {
  const { addon, volumes } = context;
  if (mount.type === 'image') {
    return openImageMount(context, mount, { base: ready.view ?? context.dataRootDescriptor, first: ready.idRange?.first ?? 0 });
  }
  const source = { addon, range: ready.idRange };
  if (mount.type === 'bind') return openBind(context, record, mount, source);
  const { path } = await volumes.acquire(mount.source, record.id);
  publishVolumeEvent(context, mount.source, 'mount', {
    driver: mount.driver ?? 'local',
    container: record.id,
    destination: mount.target,
    'read/write': String(!mount.readOnly),
    propagation: '',
  });
  return openSourceMount(source, mount, path);
}

/**
 * A file that is only read may be a copy as it was at the start, kept with the container, where its own file system maps no owners: secrets and settings in a
 * checkout that lies in a container or on a live system.
 */
function openBind(context: EngineContext, record: ContainerRecord, mount: ResolvedMount, source: SourceFacts): number {
  try {
    return openSourceMount(source, mount, mount.source);
  } catch (error) {
    const ofOwners = isOrlopError(error) && error.code === 'ENGINE_MOUNT_OWNERS';
    const copy = ofOwners && mount.readOnly ? copyFile(mount, join(context.dataRoot, 'containers', record.id, 'copies')) : null;
    if (copy === null) throw error;
    context.logger.warn('a container sees a copy of a file whose file system maps no owners', {
      container: record.name,
      source: mount.source,
    });
    return openSourceMount(source, mount, copy);
  }
}

/** Anew for each start; with the owner and the mode of the source. null: it is no file, or a long one. */
function copyFile({ source, target }: ResolvedMount, directory: string): string | null {
  // Not a device or a pipe, which might keep whoever opens it waiting.
  if (!statSync(source).isFile()) return null;
  const descriptor = openSync(source, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size, uid, gid, mode } = fstatSync(descriptor);
    if (size > longestCopy) return null;
    const copy = join(directory, createHash('sha256').update(target).digest('hex'));
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    rmSync(copy, { force: true });
    writeFileSync(copy, readFileSync(descriptor), { mode: 0o600, flag: 'wx' });
    chownSync(copy, uid, gid);
    chmodSync(copy, mode & 0o777);
    return copy;
  } finally {
    closeSync(descriptor);
  }
}

/** mount_namespaces(7): flags that came from a namespace of more privilege stay, whatever a container's root may do to its mounts. */
function lockAll(
  { addon }: EngineContext,
  opened: ReadonlyMap<string, number>,
  borrow: (descriptor: number) => number,
): Map<string, number> {
  const targets = [...opened.keys()];
  const locked = addon.lockMounts([...opened.values()]).map(borrow);
  return new Map(targets.map((target, index) => [target, locked[index] ?? -1]));
}

/** Lets go of the volumes of a container that does not run any more. Again is fine. */
export async function releaseMounts(context: EngineContext, record: ContainerRecord): Promise<void> {
  for (const name of volumesOf(record.mounts)) {
    try {
      const held = await context.volumes.release(name, record.id);
      if (held) publishVolumeEvent(context, name, 'unmount', { driver: 'local', container: record.id });
    } catch (error) {
      context.logger.warn('a volume could not be unmounted', { container: record.name, volume: name, error });
    }
  }
}

/** A directory that has lost its last name cannot be mounted any more. */
function removedMeanwhile({ name }: ContainerRecord, cause: unknown): OrlopError {
  return new OrlopError('not-found', 'ENGINE_MOUNT_SOURCE', `something that ${name} mounts was removed while it was being mounted`, {
    hint: `start it again: orlop start ${name}`,
    cause,
  });
}
