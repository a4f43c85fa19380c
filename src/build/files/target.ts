import { isErrno, OrlopError } from '#errors';
import { type ByteText, fromByteText, toByteText } from '#store';
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, type FileFacts, O_DIRECTORY, O_NOFOLLOW, O_PATH, openInRoot, removeTree } from '#sys';
import { factsOf, isDirectory, isLink, isMissing, openPath, plainly, type FileTree } from './tree.ts';

/** Whose something is. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What directories get that are made on the way. */
export interface NewDirectories {
  readonly owner: Owner;
  /** Absent: 0755. */
  readonly mode?: number;
  /** ns since the epoch; absent: when they are made. */
  readonly timeNs?: bigint;
}

/** A place in a directory that is open; the caller closes it. */
export interface NamedPlace {
  readonly parent: number;
  readonly name: ByteText;
  /** In the tree, as it was asked for. */
  readonly path: ByteText;
}

/** As many as the kernel follows itself (path_resolution(7)). */
const mostLinks = 40;

/**
 * Opens a directory by its absolute path (O_PATH), and makes what is missing of it. Links are followed within the tree, also those that lead to what is not there yet.
 * `made`: the last part is new. Fails with invalid-argument `BUILD_NOT_A_DIRECTORY`. The caller closes it.
 */
export function openOrMakeDirectory(tree: FileTree, path: string, wishes: NewDirectories): { descriptor: number; made: boolean } {
  return walk(tree, path, wishes, 0);
}

function walk(tree: FileTree, path: string, wishes: NewDirectories, links: number): { descriptor: number; made: boolean } {
  const { addon } = tree;
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let at = openInRoot(addon, tree.root, '/', O_PATH | O_DIRECTORY);
  let made = false;
  for (const [depth, name] of names.entries()) {
    const sofar = `/${names.slice(0, depth + 1).join('/')}`;
    try {
      const next = openOrMake(tree, { parent: at, name: toByteText(name), path: toByteText(sofar) }, wishes, links);
      made = next.made;
      addon.close(at);
      at = next.descriptor;
    } catch (error) {
      addon.close(at);
      throw error;
    }
  }
  return { descriptor: at, made };
}

function openOrMake(tree: FileTree, place: NamedPlace, wishes: NewDirectories, links: number): { descriptor: number; made: boolean } {
  const { addon } = tree;
  const handle = openPath(tree, place.path);
  if (handle !== null) {
    if (isDirectory(factsOf(addon, handle))) return { descriptor: handle, made: false };
    addon.close(handle);
    throw notADirectory(place.path);
  }
  const there = statPlace(tree, place);
  if (there !== null && isLink(there) && links < mostLinks) {
    const target = addon.readlinkat(place.parent, fromByteText(place.name));
    const above = place.path.slice(0, place.path.lastIndexOf('/'));
    return walk(tree, target.startsWith('/') ? target : `${above}/${target}`, wishes, links + 1);
  }
  if (there !== null) throw notADirectory(place.path);
  addon.mkdirat(place.parent, fromByteText(place.name), 0o755);
  const descriptor = addon.openat2(place.parent, fromByteText(place.name), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, plainly);
  addon.fchownat(descriptor, '', wishes.owner.uid, wishes.owner.gid, AT_EMPTY_PATH);
  addon.fchmodat(place.parent, fromByteText(place.name), wishes.mode ?? 0o755, 0);
  if (wishes.timeNs !== undefined) addon.utimensat(descriptor, '', wishes.timeNs, wishes.timeNs, AT_EMPTY_PATH);
  return { descriptor, made: true };
}

/** What has the name in the directory, links not followed. */
export function statPlace({ addon }: FileTree, { parent, name }: NamedPlace): FileFacts | null {
  try {
    return addon.fstatat(parent, fromByteText(name), AT_SYMLINK_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Where a file of this absolute path is to be made: a final link is followed, as far as it leads. Directories above are made. The caller closes `parent`. */
export function openFilePlace(tree: FileTree, path: string, wishes: NewDirectories): NamedPlace {
  let at = path;
  for (let links = 0; ; links++) {
    const slash = at.lastIndexOf('/');
    const { descriptor: parent } = openOrMakeDirectory(tree, at.slice(0, slash), wishes);
    const place = { parent, name: toByteText(at.slice(slash + 1)), path: toByteText(at) };
    const there = statPlace(tree, place);
    if (there === null || !isLink(there) || links === mostLinks) return place;
    const target = tree.addon.readlinkat(parent, fromByteText(place.name));
    tree.addon.close(parent);
    at = (target.startsWith('/') ? target : `${at.slice(0, slash)}/${target}`).replace(/\/+$/, '');
    if (!at.includes('/')) at = `/${at}`;
  }
}

/** Takes away what is in the way of a file. A directory is not replaced by one. */
export function clearPlace(tree: FileTree, place: NamedPlace): void {
  const there = statPlace(tree, place);
  if (there === null) return;
  if (isDirectory(there))
    throw new OrlopError('invalid-argument', 'BUILD_KINDS_DIFFER', `cannot replace to directory ${place.path} with file`);
  try {
    tree.addon.unlinkat(place.parent, fromByteText(place.name), 0);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Takes away what is in the way, whatever it has in it, unless both are directories or both are none. */
export async function clearOtherKind(tree: FileTree, place: NamedPlace, asDirectory: boolean): Promise<void> {
  const there = statPlace(tree, place);
  if (there === null || isDirectory(there) === asDirectory) return;
  if (asDirectory) clearPlace(tree, place);
  else await removeTree(tree.addon, `/proc/self/fd/${place.parent}/${Buffer.from(fromByteText(place.name)).toString('utf8')}`);
}

/** BuildKit's words, which people search for. */
export function notADirectory(path: ByteText): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_NOT_A_DIRECTORY', `cannot copy to non-directory: ${path}`, {
    hint: 'the image has a file or a link there: copy to where it leads',
  });
}
