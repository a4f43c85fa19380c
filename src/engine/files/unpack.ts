import { write } from 'node:fs';
import { posix } from 'node:path';
import { promisify } from 'node:util';
import { OrlopError } from '#errors';
import { fromByteText, readTarMembers, type TarEntry, type TarMember } from '#store';
import * as k from '#sys';
import { openInRoot, removeTree, type Addon } from '#sys';
import { chownInside, openOrMake, plainly, statOrNothing } from './directories.ts';
import { refuseMounted } from './place.ts';
import { isDirectory, isMissing, type ContainerRoot } from './root.ts';

const writeAt = promisify(write);

export interface UnpackOptions {
  /** Its name: for messages. */
  readonly container: string;
  /** Absolute path of the directory in the container. */
  readonly target: string;
  /** A directory is not replaced by anything else. */
  readonly keepKinds: boolean;
  /** Whose all of it becomes, in the container's ids; absent: whose the archive says. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

interface Unpacking extends UnpackOptions {
  readonly addon: Addon;
  readonly root: ContainerRoot;
  /** Times of directories, which what is made in them changes. */
  readonly times: Map<string, bigint>;
}

/**
 * Unpacks a tar (plain, gzip, bzip2, xz, zstd) into a directory of a container. Paths are the container's: links in it lead within it. What has a name already is
 * replaced, directories are kept, and what is mounted is not touched. What was unpacked before a failure stays.
 */
export async function unpackTree(
  addon: Addon,
  root: ContainerRoot,
  source: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
): Promise<void> {
  const unpacking: Unpacking = { ...options, addon, root, times: new Map() };
  for await (const member of readTarMembers(source)) {
    const descriptor = await makeEntry(unpacking, member.entry, namesOf(member.entry));
    if (descriptor !== null) await fill(unpacking, member, descriptor);
  }
  for (const [path, mtimeNs] of [...unpacking.times].toReversed()) setTime(unpacking, path, mtimeNs);
}

/** The parts of a path; refused when one of them climbs. */
function namesOf({ path }: TarEntry): string[] {
  const names = Buffer.from(fromByteText(path))
    .toString()
    .split('/')
    .filter((name) => name !== '' && name !== '.');
  if (!names.includes('..')) return names;
  throw new OrlopError(
    'invalid-argument',
    'ENGINE_ARCHIVE_CLIMBS',
    `the archive's ${JSON.stringify(names.join('/'))} would be outside of the directory`,
  );
}

/** Everything but the content of a file, whose descriptor it returns: the caller closes it. */
async function makeEntry(unpacking: Unpacking, entry: TarEntry, names: readonly string[]): Promise<number | null> {
  const { addon, root, target } = unpacking;
  const asContainer = <Result>(work: () => Result): Result => addon.withFsIds(root.first, root.first, work);
  const name = names.at(-1);
  if (name === undefined) {
    const itself = openInRoot(addon, root.descriptor, target, k.O_PATH | k.O_DIRECTORY);
    return asContainer(() => settle(unpacking, itself, entry, target));
  }
  const parent = asContainer(() => openParent(unpacking, names.slice(0, -1)));
  try {
    const named = { parent, name, path: posix.join(target, ...names) };
    const there = await makeRoom(unpacking, entry, named);
    return asContainer(() => makeNamed(unpacking, entry, named, there));
  } finally {
    addon.close(parent);
  }
}

/** Directories that the archive does not name are made, as root's. */
function openParent({ addon, root, target }: Unpacking, names: readonly string[]): number {
  let at = openInRoot(addon, root.descriptor, target, k.O_PATH | k.O_DIRECTORY);
  for (const depth of names.keys()) {
    const path = posix.join(target, ...names.slice(0, depth + 1));
    const next = openOrMake(addon, root, path, { parent: at, name: names[depth] ?? '' });
    addon.close(at);
    at = next;
  }
  return at;
}

interface Named {
  readonly parent: number;
  readonly name: string;
  readonly path: string;
}

/** `there`: the directory is there already. */
function makeNamed(unpacking: Unpacking, entry: TarEntry, named: Named, there: boolean): number | null {
  const { addon } = unpacking;
  const { parent, name } = named;
  switch (entry.type) {
    case 'directory':
      if (!there) addon.mkdirat(parent, name, 0o700);
      break;
    case 'file':
      return addon.openat2(parent, name, k.O_WRONLY | k.O_CREAT | k.O_EXCL | k.O_NOFOLLOW, 0o600, plainly);
    case 'symlink':
      addon.symlinkat(fromByteText(entry.linkTarget), parent, name);
      break;
    case 'link':
      makeLink(unpacking, entry, named);
      return null;
    default:
      addon.mknodat(parent, name, deviceModes[entry.type] | 0o600, entry.major, entry.minor);
  }
  return settle(unpacking, addon.openat2(parent, name, k.O_PATH | k.O_NOFOLLOW, 0, k.RESOLVE_BENEATH), entry, named.path);
}

const deviceModes = { character: k.S_IFCHR, block: k.S_IFBLK, fifo: k.S_IFIFO } as const;

/** Takes away what is in the way. true: a directory that may stay is there. */
async function makeRoom({ addon, keepKinds, container }: Unpacking, { type }: TarEntry, { parent, name, path }: Named): Promise<boolean> {
  const facts = statOrNothing(addon, parent, name);
  if (facts === null) return false;
  const both = isDirectory(facts) && type === 'directory';
  if (both) return true;
  if (keepKinds && isDirectory(facts)) throw kindsDiffer(`cannot overwrite directory ${JSON.stringify(path)} with non-directory`);
  if (keepKinds && type === 'directory') throw kindsDiffer(`cannot overwrite non-directory ${JSON.stringify(path)} with directory`);
  refuseMounted(addon, { parent, name }, path, container);
  await removeTree(addon, `/proc/self/fd/${parent}/${name}`);
  return false;
}

function kindsDiffer(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_KINDS_DIFFER', message);
}

/** To another file of the same archive: from the directory that it is unpacked into. */
function makeLink({ addon, root, target }: Unpacking, entry: TarEntry, { parent, name }: Named): void {
  const names = namesOf({ ...entry, path: entry.linkTarget });
  const file = openInRoot(addon, root.descriptor, posix.join(target, ...names), k.O_PATH | k.O_NOFOLLOW);
  try {
    addon.linkat(file, '', parent, name, k.AT_EMPTY_PATH);
  } finally {
    addon.close(file);
  }
}

/** Owner, mode and time of what is open (O_PATH). Closes it. */
function settle(unpacking: Unpacking, descriptor: number, entry: TarEntry, path: string): null {
  const { addon } = unpacking;
  try {
    setOwner(unpacking, descriptor, entry);
    if (entry.type !== 'symlink') addon.fchmodat(k.AT_FDCWD, `/proc/self/fd/${descriptor}`, entry.mode, 0);
    if (entry.type === 'directory') unpacking.times.set(path, entry.mtimeNs);
    else addon.utimensat(descriptor, '', entry.mtimeNs, entry.mtimeNs, k.AT_EMPTY_PATH);
  } finally {
    addon.close(descriptor);
  }
  return null;
}

function setOwner({ addon, root, owner }: Unpacking, descriptor: number, entry: TarEntry): void {
  chownInside(addon, root, descriptor, owner ?? entry);
}

/** Closes the file. */
async function fill(unpacking: Unpacking, { entry, content }: TarMember, descriptor: number): Promise<void> {
  const { addon, root } = unpacking;
  try {
    for await (const chunk of content) {
      for (let at = 0; at < chunk.length; ) at += (await writeAt(descriptor, chunk, at, chunk.length - at)).bytesWritten;
    }
    addon.withFsIds(root.first, root.first, () => {
      setOwner(unpacking, descriptor, entry);
      addon.fchmodat(k.AT_FDCWD, `/proc/self/fd/${descriptor}`, entry.mode, 0);
      const file = entry.xattrs.get(fileCapability);
      if (file !== undefined) addon.setxattr(descriptor, fileCapability, file);
      addon.utimensat(descriptor, '', entry.mtimeNs, entry.mtimeNs, k.AT_EMPTY_PATH);
    });
  } finally {
    addon.close(descriptor);
  }
}

/** As Docker, of extended attributes only this one. */
const fileCapability = 'security.capability';

function setTime({ addon, root }: Unpacking, path: string, mtimeNs: bigint): void {
  try {
    const descriptor = openInRoot(addon, root.descriptor, path, k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW);
    try {
      addon.withFsIds(root.first, root.first, () => addon.utimensat(descriptor, '', mtimeNs, mtimeNs, k.AT_EMPTY_PATH));
    } finally {
      addon.close(descriptor);
    }
  } catch (error) {
    // Somebody took it away meanwhile.
    if (!isMissing(error)) throw error;
  }
}
