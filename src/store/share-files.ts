import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { type Addon, AT_EMPTY_PATH, createGiveWay, S_IFMT, S_IFREG } from '#sys';
import { findFiles, type Found, hashOf, openFound, openTreeToSearch, type Searching } from './equal-files.ts';
import { layerTree, type Layout } from './layout.ts';
import type { SharedFiles } from './types.ts';

/** The kernel holds both files meanwhile, and we our event loop. */
const stepBytes = 4 * 2 ** 20;

/**
 * Has equal files of all layers, and of the writable layers of these containers (null: of all), lie in the same blocks of the disk. The kernel compares each pair itself and shares it in one step, so neither
 * what runs nor what is killed meanwhile can see anything but the same bytes; a file that is written to later gets blocks of its own again. Fails with failed-precondition `STORE_CANNOT_SHARE` where the file system
 * cannot.
 */
export async function shareFiles(
  { layout, addon }: { readonly layout: Layout; readonly addon: Addon },
  { containers, signal }: { readonly containers: readonly string[] | null; readonly signal?: AbortSignal },
): Promise<SharedFiles> {
  const layers = (await readdir(layout.layers)).map((name) => join(layout.layers, name, layerTree));
  const uppers = (containers ?? (await readdir(layout.containers))).map((id) => join(layout.container(id), 'upper'));
  const sharing: Searching = { addon, giveWay: createGiveWay(), signal };
  using opened = new DisposableStack();
  const found: Found[] = [];
  for (const path of [...layers, ...uppers]) {
    const tree = openTreeToSearch(addon, path);
    if (tree === null) continue;
    opened.defer(() => addon.close(tree));
    for (const file of await findFiles(sharing, tree)) found.push(file);
  }
  const inodes = new Map(found.map((file) => [`${file.dev} ${file.ino}`, file]));
  const shared = { files: inodes.size, sharedFiles: 0, savedBytes: 0 };
  for (const sameSize of Map.groupBy(inodes.values(), ({ size, dev }) => `${dev} ${size}`).values())
    if (sameSize.length > 1) await shareEqual(sharing, sameSize, shared);
  return shared;
}

/** Of equal content as far as its hash says; the kernel has the last word. */
async function shareEqual(sharing: Searching, files: readonly Found[], shared: { sharedFiles: number; savedBytes: number }): Promise<void> {
  const byHash = new Map<string, Found>();
  for (const file of files) {
    const hash = await hashOf(sharing, file);
    const first = hash === null ? undefined : byHash.get(hash);
    if (hash !== null && first === undefined) byHash.set(hash, file);
    if (first === undefined) continue;
    const bytes = await sharePair(sharing, first, file);
    shared.sharedFiles += bytes > 0 ? 1 : 0;
    shared.savedBytes += bytes;
  }
}

/** How many bytes they share that they did not share before. */
async function sharePair(sharing: Searching, one: Found, other: Found): Promise<number> {
  const { addon } = sharing;
  using opened = new DisposableStack();
  const [source, target] = [one, other].map((each) => {
    const file = openFound(addon, each);
    if (file !== null) opened.defer(() => addon.close(file));
    return file;
  });
  if (source == null || target == null) return 0;
  const facts = [source, target].map((file) => addon.fstatat(file, '', AT_EMPTY_PATH));
  if (facts.some(({ mode, size }) => (mode & S_IFMT) !== S_IFREG || size !== one.size) || addon.sharesExtents(source, target)) return 0;
  let bytes = 0;
  for (let at = 0; at < one.size; ) {
    sharing.signal?.throwIfAborted();
    const count = shareStep(addon, source, target, at, Math.min(stepBytes, one.size - at));
    if (count <= 0) break;
    at += count;
    bytes += count;
    await sharing.giveWay();
  }
  return bytes;
}

/** 0 or -1: the rest cannot be shared. */
function shareStep(addon: Addon, source: number, target: number, at: number, length: number): number {
  try {
    return addon.shareRange(source, target, at, length);
  } catch (error) {
    // It is being written to, or has become shorter.
    if (isErrno(error, 'ETXTBSY', 'EPERM')) return 0;
    if (!isErrno(error, 'EOPNOTSUPP', 'ENOTTY', 'EINVAL', 'EXDEV')) throw error;
    throw new OrlopError('failed-precondition', 'STORE_CANNOT_SHARE', 'the file system of the data root cannot share blocks among files', {
      hint: 'put the data root on btrfs, or on xfs made with reflink=1',
      cause: error,
    });
  }
}
