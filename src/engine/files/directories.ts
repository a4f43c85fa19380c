import { isErrno, OrlopError } from '#errors';
import * as k from '#sys';
import { openInRoot, type Addon, type FileFacts } from '#sys';
import { isMissing, type ContainerRoot } from './root.ts';

/** A name in a directory, and nothing but that. */
export const plainly = k.RESOLVE_BENEATH | k.RESOLVE_NO_SYMLINKS | k.RESOLVE_NO_MAGICLINKS;

/** Whose something is, in the container's ids. */
export interface InsideOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Opens the directory at `path`, which is `name` in `parent`, and makes it when it is missing: 0755, of `owner` or else of the container's root. To be called as the container (withFsIds). */
export function openOrMake(
  addon: Addon,
  root: ContainerRoot,
  path: string,
  { parent, name, owner }: { readonly parent: number; readonly name: string; readonly owner?: InsideOwner },
): number {
  try {
    return openInRoot(addon, root.descriptor, path, k.O_PATH | k.O_DIRECTORY);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    addon.mkdirat(parent, name, 0o755);
    const made = addon.openat2(parent, name, k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW, 0, plainly);
    if (owner !== undefined) chownInside(addon, root, made, owner);
    return made;
  }
}

/** Opens a directory by its path in the container (O_PATH), and makes those of its parts that are missing. To be called as the container. */
export function openDirectories(addon: Addon, root: ContainerRoot, path: string, owner: InsideOwner): number {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let at = openInRoot(addon, root.descriptor, '/', k.O_PATH | k.O_DIRECTORY);
  for (const [depth, name] of names.entries()) {
    const here = `/${names.slice(0, depth + 1).join('/')}`;
    try {
      const next = openOrMake(addon, root, here, { parent: at, name, owner });
      addon.close(at);
      at = next;
    } catch (error) {
      addon.close(at);
      throw error;
    }
  }
  return at;
}

/** What a name in a directory is, itself; null when nothing has it. */
export function statOrNothing(addon: Addon, parent: number, name: string): FileFacts | null {
  try {
    return addon.fstatat(parent, name, k.AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Gives what is open (O_PATH will do) to an owner of the container's. invalid-argument for one that it does not have. */
export function chownInside(addon: Addon, root: ContainerRoot, descriptor: number, { uid, gid }: InsideOwner): void {
  if (Math.max(uid, gid) >= root.count)
    throw new OrlopError(
      'invalid-argument',
      'ENGINE_OWNER_UNMAPPED',
      `owner ${uid}:${gid} is not mapped in the container's user namespace`,
    );
  addon.fchownat(descriptor, '', root.first + uid, root.first + gid, k.AT_EMPTY_PATH);
}
