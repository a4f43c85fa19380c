import { createHash } from 'node:crypto';
import { existsSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import {
  type Addon,
  AT_EMPTY_PATH,
  AT_FDCWD,
  createGiveWay,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '#sys';
import { layerTree, type Layout } from './layout.ts';
import type { SharedFiles } from './types.ts';

const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
/** Less is no whole block. */
const smallestBytes = 4_096;
/** The kernel holds both files meanwhile, and we our event loop. */
const stepBytes = 4 * 2 ** 20;
const deepest = 200;

interface Sharing {
  readonly addon: Addon;
  readonly giveWay: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
}

/** A file by its tree and its place in it: containers go on working meanwhile, so it is opened anew each time, past no link. */
interface Found {
  readonly tree: number;
  readonly path: string;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: number;
}

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
  const sharing: Sharing = { addon, giveWay: createGiveWay(), signal };
  using opened = new DisposableStack();
  const found: Found[] = [];
  for (const path of [...layers, ...uppers].filter((tree) => existsSync(tree))) {
    const tree = addon.openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
    opened.defer(() => addon.close(tree));
    await walk(sharing, tree, '.', found, 0);
  }
  const inodes = new Map(found.map((file) => [`${file.dev} ${file.ino}`, file]));
  const shared = { files: inodes.size, sharedFiles: 0, savedBytes: 0 };
  for (const sameSize of Map.groupBy(inodes.values(), ({ size, dev }) => `${dev} ${size}`).values())
    if (sameSize.length > 1) await shareEqual(sharing, sameSize, shared);
  return shared;
}

async function walk(sharing: Sharing, tree: number, directory: string, found: Found[], depth: number): Promise<void> {
  const { addon } = sharing;
  const opened = open(addon, tree, directory, O_DIRECTORY);
  if (opened === null) return;
  try {
    for (const name of await readdir(`/proc/self/fd/${opened}`)) {
      await sharing.giveWay();
      sharing.signal?.throwIfAborted();
      const path = `${directory}/${name}`;
      const facts = factsOf(addon, opened, name);
      const kind = facts === null ? 0 : facts.mode & S_IFMT;
      if (kind === S_IFDIR && depth < deepest) await walk(sharing, tree, path, found, depth + 1);
      if (facts !== null && kind === S_IFREG && facts.size >= smallestBytes)
        found.push({ tree, path, dev: facts.dev, ino: facts.ino, size: facts.size });
    }
  } finally {
    addon.close(opened);
  }
}

function factsOf(addon: Addon, directory: number, name: string) {
  try {
    return addon.fstatat(directory, name, 0x100);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** null: it is gone, or something else by now. */
function open(addon: Addon, tree: number, path: string, flags: number): number | null {
  try {
    return addon.openat2(tree, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | flags, 0, beneath);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ENXIO', 'ENODEV', 'EAGAIN')) return null;
    throw error;
  }
}

/** Of equal content as far as its hash says; the kernel has the last word. */
async function shareEqual(sharing: Sharing, files: readonly Found[], shared: { sharedFiles: number; savedBytes: number }): Promise<void> {
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

async function hashOf({ addon, giveWay, signal }: Sharing, { tree, path, size }: Found): Promise<string | null> {
  const file = open(addon, tree, path, 0);
  if (file === null) return null;
  try {
    if ((addon.fstatat(file, '', AT_EMPTY_PATH).mode & S_IFMT) !== S_IFREG) return null;
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(size, 2 ** 20));
    for (let at = 0; at < size; ) {
      signal?.throwIfAborted();
      const count = readSync(file, buffer, 0, buffer.length, at);
      if (count === 0) return null;
      hash.update(buffer.subarray(0, count));
      at += count;
      await giveWay();
    }
    return hash.digest('hex');
  } finally {
    addon.close(file);
  }
}

/** How many bytes they share that they did not share before. */
async function sharePair(sharing: Sharing, one: Found, other: Found): Promise<number> {
  const { addon } = sharing;
  using opened = new DisposableStack();
  const [source, target] = [one, other].map(({ tree, path }) => {
    const file = open(addon, tree, path, 0);
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
