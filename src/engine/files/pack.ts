import { read, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { byteTextOf, createTarEntry, endOfArchive, formatTarEntry, fromByteText, padding, type ByteText, type TarType } from '#store';
import * as k from '#sys';
import { withErrno, type Addon, type FileFacts } from '#sys';
import { factsUnlessClosed, openOrGone } from './list.ts';
import { insideId, isDirectory, type ContainerRoot } from './root.ts';

const readAt = promisify(read);
const chunkBytes = 512 * 1024;

interface Packing {
  readonly addon: Addon;
  readonly root: ContainerRoot;
  /** First path of each file with several names. */
  readonly linked: Map<string, ByteText>;
}

/** What an O_PATH descriptor is, with all below it, as a tar in which it is called `name` (`/`, `.`, or its last part). Names in bytewise order; sockets, what vanishes meanwhile, and what is closed to us are left out. */
export async function* packTree(addon: Addon, root: ContainerRoot, descriptor: number, name: string): AsyncGenerator<Buffer> {
  // Below the root all names begin with a slash, as Docker's clients expect it.
  const path = byteTextOf(Buffer.from(name === '/' ? '' : name));
  yield* packNode({ addon, root, linked: new Map() }, descriptor, path);
  yield endOfArchive();
}

const tarTypes: Readonly<Record<number, TarType>> = {
  [k.S_IFREG]: 'file',
  [k.S_IFDIR]: 'directory',
  [k.S_IFLNK]: 'symlink',
  [k.S_IFCHR]: 'character',
  [k.S_IFBLK]: 'block',
  [k.S_IFIFO]: 'fifo',
};

async function* packNode(packing: Packing, handle: number, path: ByteText): AsyncGenerator<Buffer> {
  const { addon } = packing;
  const facts = factsUnlessClosed(addon, handle);
  // As Docker, which leaves out what it cannot read.
  if (facts === null) return;
  const type = tarTypes[facts.mode & k.S_IFMT];
  if (type === undefined) return;
  if (isDirectory(facts)) return yield* packDirectory(packing, handle, path, facts);
  const key = `${facts.dev}:${facts.ino}`;
  const first = facts.nlink > 1 ? packing.linked.get(key) : undefined;
  if (first !== undefined) return yield formatTarEntry({ ...entryOf(packing, facts, path, 'link'), size: 0, linkTarget: first });
  packing.linked.set(key, path);
  if (type === 'file') return yield* packFile(packing, handle, path);
  const linkTarget = type === 'symlink' ? byteTextOf(addon.readlinkatBytes(handle, '')) : ('' as ByteText);
  yield formatTarEntry({ ...entryOf(packing, facts, path, type), linkTarget });
}

async function* packDirectory(packing: Packing, handle: number, path: ByteText, facts: FileFacts): AsyncGenerator<Buffer> {
  const { addon } = packing;
  yield formatTarEntry(entryOf(packing, facts, path, 'directory'));
  const names: Buffer[] = withErrno('directory', () => readdirSync(`/proc/self/fd/${handle}`, { encoding: 'buffer' }));
  for (const name of names.map(byteTextOf).sort()) {
    const inner = openOrGone(addon, handle, fromByteText(name));
    if (inner === null) continue;
    try {
      yield* packNode(packing, inner, `${path}/${name}` as ByteText);
    } finally {
      addon.close(inner);
    }
  }
}

/** Has the size that it had when it was met, whoever writes to it meanwhile. */
async function* packFile(packing: Packing, handle: number, path: ByteText): AsyncGenerator<Buffer> {
  const { addon } = packing;
  // The magic link reaches exactly the inode that was just looked at.
  const descriptor = addon.openat2(k.AT_FDCWD, `/proc/self/fd/${handle}`, k.O_RDONLY | k.O_NONBLOCK, 0, 0);
  try {
    const facts = addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
    yield formatTarEntry({ ...entryOf(packing, facts, path, 'file'), size: facts.size });
    for (let at = 0; at < facts.size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, facts.size - at));
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, at);
      const count = bytesRead === 0 ? buffer.fill(0).length : bytesRead;
      yield buffer.subarray(0, count);
      at += count;
    }
    yield padding(facts.size);
  } finally {
    addon.close(descriptor);
  }
}

function entryOf({ root }: Packing, facts: FileFacts, path: ByteText, type: TarType) {
  const device = type === 'character' || type === 'block';
  return createTarEntry({
    path,
    type,
    mode: type === 'symlink' ? 0o777 : facts.mode & 0o7777,
    uid: insideId(root, facts.uid),
    gid: insideId(root, facts.gid),
    mtimeNs: facts.mtimeNs,
    ...(device ? { major: facts.rdevMajor, minor: facts.rdevMinor } : {}),
  });
}
