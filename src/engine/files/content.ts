import { randomBytes } from 'node:crypto';
import { read, write } from 'node:fs';
import { promisify } from 'node:util';
import { isErrno, OrlopError } from '#errors';
import * as k from '#sys';
import { openInRoot, type Addon, type FileFacts } from '#sys';
import type { FileOwner, PlaceOptions } from '#wire';
import { chownInside, plainly } from './directories.ts';
import { missing } from './paths.ts';
import { isADirectory, isMounted, openPlace, refuseMounted, type Place } from './place.ts';
import { insideId, isDirectory, isMissing, type ContainerRoot } from './root.ts';

const readAt = promisify(read);
const writeAt = promisify(write);
const chunkBytes = 256 * 1024;
/** Of a file that tells no size, as those of proc(5). */
const mostUntold = 16 * 1024 * 1024;

/** The path as it was asked for, and whose it is: for messages. */
export interface Named {
  readonly path: string;
  readonly container: string;
}

export interface Writing extends Named {
  readonly options: PlaceOptions;
  /** Called with the directory that something is about to be made in (O_PATH). */
  readonly check: (directory: number) => void;
}

/** A regular file's bytes; links lead to it. Of one that grows meanwhile, as many as it had. */
export async function* readContent(addon: Addon, root: ContainerRoot, { path, container }: Named): AsyncGenerator<Buffer> {
  const descriptor = openToRead(addon, root, { path, container });
  try {
    const { size } = addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
    const most = size === 0 ? mostUntold : size;
    for (let at = 0; at < most; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, most - at));
      const { bytesRead } = await readAt(descriptor, buffer, 0, buffer.length, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    addon.close(descriptor);
  }
}

function openToRead(addon: Addon, root: ContainerRoot, { path, container }: Named): number {
  const handle = openFile(addon, root, { path, container });
  try {
    const facts = addon.fstatat(handle, '', k.AT_EMPTY_PATH);
    checkRegular(facts, { path, container });
    // The magic link reaches exactly the inode that was just looked at.
    return addon.openat2(k.AT_FDCWD, `/proc/self/fd/${handle}`, k.O_RDONLY | k.O_NONBLOCK, 0, 0);
  } finally {
    addon.close(handle);
  }
}

function openFile(addon: Addon, root: ContainerRoot, { path, container }: Named): number {
  try {
    return openInRoot(addon, root.descriptor, path, k.O_PATH);
  } catch (error) {
    throw isMissing(error) ? missing(path, container) : error;
  }
}

function checkRegular(facts: FileFacts, { path, container }: Named): void {
  if (isDirectory(facts)) throw isADirectory(path, container);
  if ((facts.mode & k.S_IFMT) === k.S_IFREG) return;
  throw new OrlopError('failed-precondition', 'ENGINE_NOT_A_FILE', `${path} in container ${container} is no regular file`);
}

/**
 * Writes a regular file, whole or not at all: it comes to its name when all of it is there. A link leads to the file that is replaced. Owner and permissions are as asked, else as they were.
 */
export async function writeContent(
  addon: Addon,
  root: ContainerRoot,
  source: AsyncIterable<Uint8Array>,
  { path, container, options, check }: Writing,
): Promise<void> {
  const asContainer = <Result>(work: () => Result): Result => addon.withFsIds(root.first, root.first, work);
  const parents = options.parents === true ? { parents: { uid: options.uid ?? 0, gid: options.gid ?? 0 } } : {};
  using place = asContainer(() => openPlace(addon, root, path, container, { follow: true, ...parents }));
  if (place.facts !== null) checkRegular(place.facts, { path, container });
  check(place.parent);
  const owner = { ...ownerOf(root, place.facts, 0o644), ...options };
  await replaceFile(addon, root, source, { place, owner, named: { path, container } });
}

export interface Replacement {
  readonly place: Place;
  readonly owner: WholeOwner;
  readonly named: Named;
}

/** Puts a regular file in a place that is known, whole or not at all. What is mounted there stays, and fails it. */
export async function replaceFile(
  addon: Addon,
  root: ContainerRoot,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { place, owner, named }: Replacement,
): Promise<void> {
  const asContainer = <Result>(work: () => Result): Result => addon.withFsIds(root.first, root.first, work);
  const file = asContainer(() => openNew(addon, place.parent));
  try {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; ) at += (await writeAt(file.descriptor, chunk, at, chunk.length - at)).bytesWritten;
    }
    asContainer(() => {
      refuseMounted(addon, place, named.path, named.container);
      settleOwner(addon, root, file.descriptor, owner);
      comeToName(addon, file, place, named);
    });
  } catch (error) {
    if (file.name !== null) discard(addon, place.parent, file.name);
    throw error;
  } finally {
    addon.close(file.descriptor);
  }
}

interface NewFile {
  readonly descriptor: number;
  /** null: it has none yet, and goes with whoever holds it. */
  readonly name: string | null;
}

/** Without a name where the file system can (open(2), O_TMPFILE): then a kill leaves nothing. */
function openNew(addon: Addon, parent: number): NewFile {
  try {
    return { descriptor: addon.openat2(parent, '.', k.O_TMPFILE | k.O_WRONLY, 0o600, plainly), name: null };
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'EISDIR', 'EINVAL')) throw error;
    const name = temporaryName();
    return { descriptor: addon.openat2(parent, name, k.O_WRONLY | k.O_CREAT | k.O_EXCL, 0o600, plainly), name };
  }
}

export function temporaryName(): string {
  return `.orlop-${randomBytes(8).toString('hex')}`;
}

function comeToName(addon: Addon, { descriptor, name }: NewFile, place: Place, named: Named): void {
  const temporary = name ?? temporaryName();
  if (name === null) addon.linkat(descriptor, '', place.parent, temporary, k.AT_EMPTY_PATH);
  try {
    addon.renameat2(place.parent, temporary, place.parent, place.name, 0);
  } catch (error) {
    discard(addon, place.parent, temporary);
    throw isErrno(error, 'EBUSY') ? isMounted(named.path, named.container, error) : error;
  }
}

function discard(addon: Addon, parent: number, name: string): void {
  try {
    addon.unlinkat(parent, name, 0);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

type WholeOwner = Required<Pick<FileOwner, 'uid' | 'gid' | 'mode'>>;

/** Of what is there, else of what is new. */
function ownerOf(root: ContainerRoot, facts: FileFacts | null, mode: number): WholeOwner {
  if (facts === null) return { uid: 0, gid: 0, mode };
  return { uid: insideId(root, facts.uid), gid: insideId(root, facts.gid), mode: facts.mode & 0o7777 };
}

/** The mode last: a change of owner takes set-user-ID away (chown(2)). */
function settleOwner(addon: Addon, root: ContainerRoot, descriptor: number, { uid, gid, mode }: WholeOwner): void {
  chownInside(addon, root, descriptor, { uid, gid });
  addon.fchmodat(k.AT_FDCWD, `/proc/self/fd/${descriptor}`, mode, 0);
}

/** Makes a directory; one that is there stays, and takes what is asked of owner and mode. To be called as the container. */
export function makeDirectory(addon: Addon, root: ContainerRoot, { path, container, options, check }: Writing): void {
  const parents = options.parents === true ? { parents: { uid: options.uid ?? 0, gid: options.gid ?? 0 } } : {};
  using place = openPlace(addon, root, path, container, { follow: true, ...parents });
  check(place.parent);
  const there = place.facts;
  if (there === null) addon.mkdirat(place.parent, place.name, 0o700);
  else if (!isDirectory(there))
    throw new OrlopError('already-exists', 'ENGINE_PATH_EXISTS', `${path} in container ${container} is no directory`);
  const descriptor = addon.openat2(place.parent, place.name, k.O_PATH | k.O_DIRECTORY | k.O_NOFOLLOW, 0, plainly);
  try {
    settleOwner(addon, root, descriptor, { ...ownerOf(root, there, 0o755), ...options });
  } finally {
    addon.close(descriptor);
  }
}
