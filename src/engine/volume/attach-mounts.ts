import { posix } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import * as k from '#sys';
import { type Addon, openInRoot } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import type { EngineContext } from '../context.ts';
import { openImageMount } from './image-mounts.ts';
import type { ResolvedMount } from './resolved-mount.ts';
import { openSourceMount } from './source-mounts.ts';

/**
 * Mounts what a container that does not run would see on the detached mount of its root, with owners as they are on disk, until `undo` is disposed of: what is read and
 * written at such a place is the volume's. Mount points that are missing are made, as a start would. Failed-precondition `ENGINE_MOUNTS_OUT_OF_REACH` where the kernel cannot
 * (before Linux 6.15) and `path` has to do with such a place.
 */
export async function attachMounts(
  context: EngineContext,
  record: ContainerRecord,
  { root, path }: { readonly root: number; readonly path: string },
  undo: AsyncDisposableStack,
): Promise<void> {
  for (const mount of record.mounts) {
    if (mount.type === 'tmpfs') continue;
    const descriptor = await openUnmapped(context, record, mount, undo);
    try {
      attach(context.addon, descriptor, root, mount.target);
    } catch (error) {
      if (!isErrno(error, 'EINVAL')) throw error;
      if (areRelated(path, mount.target)) throw outOfReach(record, mount, error);
    } finally {
      context.addon.close(descriptor);
    }
  }
}

async function openUnmapped(
  context: EngineContext,
  record: ContainerRecord,
  mount: ResolvedMount,
  undo: AsyncDisposableStack,
): Promise<number> {
  const { addon, volumes, dataRootDescriptor } = context;
  if (mount.type === 'image') return openImageMount(context, mount, { base: dataRootDescriptor, first: 0 });
  const facts = { addon, range: null };
  if (mount.type === 'bind') return openSourceMount(facts, { ...mount, propagation: 'rprivate' }, mount.source);
  const { path } = await volumes.acquire(mount.source, record.id);
  undo.defer(async () => void (await volumes.release(mount.source, record.id)));
  return openSourceMount(facts, mount, path);
}

function attach(addon: Addon, descriptor: number, root: number, target: string): void {
  const isFolder = (addon.fstatat(descriptor, '', k.AT_EMPTY_PATH).mode & k.S_IFMT) === k.S_IFDIR;
  const place = openPlace(addon, root, target, isFolder);
  try {
    addon.moveMount(descriptor, '', place, '', k.MOVE_MOUNT_F_EMPTY_PATH | k.MOVE_MOUNT_T_EMPTY_PATH);
  } finally {
    addon.close(place);
  }
}

function openPlace(addon: Addon, root: number, target: string, isFolder: boolean): number {
  try {
    return openInRoot(addon, root, target, k.O_PATH);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const parent = openPlace(addon, root, posix.dirname(target), true);
  try {
    if (isFolder) addon.mkdirat(parent, posix.basename(target), 0o755);
    else addon.mknodat(parent, posix.basename(target), k.S_IFREG | 0o644, 0, 0);
  } finally {
    addon.close(parent);
  }
  return openInRoot(addon, root, target, k.O_PATH);
}

function areRelated(path: string, target: string): boolean {
  const [one, other] = [`${posix.resolve('/', path)}/`, `${target}/`];
  return one === '//' || one.startsWith(other) || other.startsWith(one);
}

function outOfReach({ name }: ContainerRecord, { type, target }: ResolvedMount, cause: unknown): OrlopError {
  return new OrlopError(
    'failed-precondition',
    'ENGINE_MOUNTS_OUT_OF_REACH',
    `the ${type} on ${target} of ${name} is only mounted while it runs`,
    {
      hint: `start it first: orlop start ${name}`,
      cause,
    },
  );
}
