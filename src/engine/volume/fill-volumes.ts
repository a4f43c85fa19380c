import { isErrno, OrlopError } from '#errors';
import { copyTree, type Snapshot } from '#store';
import * as k from '#sys';
import { mountOverlayRoot, openInRoot } from '#sys';
import { mountUnmapped } from '../container/root-mount.ts';
import type { EngineContext } from '../context.ts';
import type { ResolvedMount } from './resolved-mount.ts';

/**
 * Gives empty volumes, or the empty directories in them that are mounted, what the container's root has at their places, with owners, modes, attributes and times, as Docker does. The volumes must be acquired. What a root
 * holds at such a place is only read when a volume is empty. Failed-precondition when it is no directory.
 */
export async function fillVolumes(context: EngineContext, mounts: readonly ResolvedMount[], snapshot: Snapshot): Promise<void> {
  await using open = new AsyncDisposableStack();
  let root: number | null = null;
  for (const { source, target, subpath } of mounts) {
    const copy = async (path: string): Promise<void> => {
      root ??= open.adopt(await openRoot(context, snapshot), (descriptor) => context.addon.close(descriptor));
      await copyFrom(context, root, target, path);
    };
    await context.volumes.fill(source, copy, subpath);
  }
}

/** What the container will see, in no mount table; it is only read. */
function openRoot(context: EngineContext, snapshot: Snapshot): Promise<number> {
  if (snapshot.driver === 'native' || snapshot.disk !== null) return mountUnmapped(context, snapshot);
  const { addon, dataRootDescriptor: base, overlayWay: way } = context;
  return mountOverlayRoot(addon, {
    base,
    lower: [snapshot.upper, ...snapshot.lower],
    fsuid: 0,
    fsgid: 0,
    way,
    attributes: k.MOUNT_ATTR_RDONLY,
  });
}

async function copyFrom({ addon }: EngineContext, root: number, target: string, path: string): Promise<void> {
  let directory: number;
  try {
    directory = openInRoot(addon, root, target, k.O_PATH | k.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw isErrno(error, 'ENOTDIR') ? overFile(target, error) : error;
  }
  try {
    await copyTree(addon, [`/proc/self/fd/${directory}/.`], path);
  } finally {
    addon.close(directory);
  }
}

function overFile(target: string, cause: unknown): OrlopError {
  const message = `cannot mount volume over existing file, file exists ${target}`;
  return new OrlopError('failed-precondition', 'ENGINE_VOLUME_OVER_FILE', message, { hint: 'choose a directory as target', cause });
}
