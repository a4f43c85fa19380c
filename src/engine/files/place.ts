import { posix } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import * as k from '#sys';
import { openInRoot, type Addon, type FileFacts } from '#sys';
import { openDirectories, statOrNothing, type InsideOwner } from './directories.ts';
import { missing } from './paths.ts';
import { isMissing, type ContainerRoot } from './root.ts';

/** Where something is, or may come to be: a name in an open directory, and what has it. Disposing closes the directory. */
export interface Place extends Disposable {
  readonly parent: number;
  readonly name: string;
  readonly facts: FileFacts | null;
}

export interface PlaceWish {
  /** A link at the end is followed, to a file that need not be there yet. */
  readonly follow: boolean;
  /** Directories that are missing are made, as this one's. */
  readonly parents?: InsideOwner;
}

/** As many as the kernel follows itself (path_resolution(7)). */
const maxLinks = 40;

/**
 * Finds the place that a container's path means. What is in front of the last name is resolved by the kernel, inside the root; the last name is only ever looked at. Fails with not-found for
 * missing directories, invalid-argument for a path that has no last name. To be called as the container (withFsIds).
 */
export function openPlace(addon: Addon, root: ContainerRoot, asked: string, container: string, wish: PlaceWish): Place {
  let path = posix.join('/', asked);
  for (let followed = 0; followed <= maxLinks; followed++) {
    const cut = path.lastIndexOf('/');
    const [directory, name] = [path.slice(0, cut) || '/', path.slice(cut + 1)];
    if (['', '.', '..'].includes(name)) throw isADirectory(asked, container);
    const parent = openParent(addon, root, directory, { container, wish });
    try {
      const facts = statOrNothing(addon, parent, name);
      if (!wish.follow || facts === null || (facts.mode & k.S_IFMT) !== k.S_IFLNK) {
        const held = addon.dup(parent);
        return { parent: held, name, facts, [Symbol.dispose]: () => addon.close(held) };
      }
      const text = addon.readlinkat(parent, name);
      // Not cleaned: `..` behind a link to a directory leads out of that directory.
      path = text.startsWith('/') ? text : `${directory}/${text}`;
    } finally {
      addon.close(parent);
    }
  }
  throw new OrlopError(
    'failed-precondition',
    'ENGINE_TOO_MANY_LINKS',
    `${asked} in container ${container} leads from link to link without end`,
  );
}

function openParent(
  addon: Addon,
  root: ContainerRoot,
  path: string,
  { container, wish }: { readonly container: string; readonly wish: PlaceWish },
): number {
  try {
    if (wish.parents !== undefined) return openDirectories(addon, root, path, wish.parents);
    return openInRoot(addon, root.descriptor, path, k.O_PATH | k.O_DIRECTORY);
  } catch (error) {
    throw isMissing(error) ? missing(path, container) : error;
  }
}

/**
 * Fails with failed-precondition when something is mounted there. The kernel would not: what is a mount point in another mount namespace alone may be renamed over and removed, and the mount
 * goes with it (fs/namei.c, vfs_unlink: detach_mounts).
 */
export function refuseMounted(addon: Addon, { parent, name }: Pick<Place, 'parent' | 'name'>, path: string, container: string): void {
  try {
    addon.close(addon.openat2(parent, name, k.O_PATH | k.O_NOFOLLOW, 0, k.RESOLVE_BENEATH | k.RESOLVE_NO_XDEV));
  } catch (error) {
    if (isErrno(error, 'EXDEV')) throw isMounted(path, container, error);
    if (!isMissing(error)) throw error;
  }
}

export function isMounted(path: string, container: string, cause: unknown): OrlopError {
  const words = `${path} in container ${container} cannot be taken away: something is mounted there`;
  return new OrlopError('failed-precondition', 'ENGINE_PATH_MOUNTED', words, {
    hint: `change what is in it from inside: orlop exec -i ${container} tee ${path}`,
    cause,
  });
}

export function isADirectory(path: string, container: string): OrlopError {
  return new OrlopError('failed-precondition', 'ENGINE_IS_A_DIRECTORY', `${path} in container ${container} is a directory`, {
    hint: 'name a file in it, or work on all of it with --recursive',
  });
}
