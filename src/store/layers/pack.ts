import { isErrno } from '#errors';
import { type Addon, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, type FileFacts, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '#sys';
import { type ByteText, fromByteText } from '../tar/byte-text.ts';
import { createTarEntry, endOfArchive, formatTarEntry } from '../tar/writer.ts';
import { isWhiteout } from './lower-lookup.ts';
import {
  below,
  beneath,
  coalesce,
  isDirectory,
  listNames,
  packDirectoryHeader,
  packInode,
  type Packing,
  type PackOptions,
} from './pack-inode.ts';

interface PackingUpper extends Packing {
  readonly root: number;
}

/**
 * An overlay upper directory as the tar of an OCI layer: names in bytewise order, whiteouts and opaque directories in OCI's form, sockets left
 * out. The same tree gives the same bytes. Fails with conflict `STORE_CHANGED_WHILE_READ` when a file changes meanwhile (unless `live`), and with
 * unimplemented `STORE_OVERLAY_REDIRECT` for what only the overlay's lower layers could explain (redirect_dir, metacopy).
 */
export async function* packUpper(addon: Addon, directory: string, options: PackOptions = {}): AsyncIterable<Buffer> {
  yield* coalesce(packPieces(addon, directory, options));
}

async function* packPieces(addon: Addon, directory: string, options: PackOptions): AsyncIterable<Buffer> {
  const root = addon.openat2(AT_FDCWD, directory, O_PATH | O_DIRECTORY, 0, 0);
  try {
    const packing: PackingUpper = { ...options, addon, root, linked: new Map() };
    yield* packDirectory(packing, '' as ByteText, addon.fstatat(root, '', AT_EMPTY_PATH));
    yield endOfArchive();
  } finally {
    addon.close(root);
  }
}

/** Recursion is as deep as the tree; PATH_MAX bounds it. */
async function* packDirectory(packing: PackingUpper, path: ByteText, facts: FileFacts): AsyncIterable<Buffer> {
  const { addon, root } = packing;
  const descriptor = addon.openat2(root, path === '' ? '.' : fromByteText(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, beneath);
  try {
    const { header, opaque, isPlainRoot } = packDirectoryHeader(addon, descriptor, path, facts);
    if (!isPlainRoot) yield header;
    if (opaque) yield formatTarEntry(createTarEntry({ path: below(path, '.wh..wh..opq' as ByteText), type: 'file' }));
    for (const name of listNames(descriptor)) yield* skippingVanished(packing, packEntry(packing, descriptor, name, below(path, name)));
  } finally {
    addon.close(descriptor);
  }
}

/** In a tree in use a name may be gone before it is looked at. Nothing has been said of it then. */
async function* skippingVanished({ live = false }: PackingUpper, pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let begun = false;
  try {
    for await (const piece of pieces) {
      begun = true;
      yield piece;
    }
  } catch (error) {
    if (begun || !live || !isErrno(error, 'ENOENT')) throw error;
  }
}

async function* packEntry(packing: PackingUpper, parent: number, name: ByteText, path: ByteText): AsyncIterable<Buffer> {
  const facts = packing.addon.fstatat(parent, fromByteText(name), AT_SYMLINK_NOFOLLOW);
  if (packing.leaveOut?.(path, facts) === true) return;
  if (isWhiteout(facts)) return yield formatTarEntry(createTarEntry({ path: whiteoutPath(path), type: 'file' }));
  if (isDirectory(facts)) return yield* packDirectory(packing, path, facts);
  yield* packInode(packing, { parent, name, path, facts });
}

/** image-spec layer, "Whiteouts". */
export function whiteoutPath(path: ByteText): ByteText {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash + 1)}.wh.${path.slice(slash + 1)}` as ByteText;
}
