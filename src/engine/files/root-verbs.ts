import { isErrno, OrlopError } from '#errors';
import { resolveUser } from '#runtime';
import { AT_EMPTY_PATH, O_PATH, openInRoot, removeTree, type Addon } from '#sys';
import { detectInit, type InitSystem } from '#system';
import type { FileListing, PathFacts, PlaceOptions, WriteFilesOptions } from '#wire';
import { applySshKeys, type SshKeys } from '../system/ssh-keys.ts';
import { makeDirectory, readContent, writeContent } from './content.ts';
import { bindGuestSocket, removeGuestSocket, type SocketRights } from './guest-socket.ts';
import { listPath } from './list.ts';
import { packTree } from './pack.ts';
import { describePath, missing, openAsked, parseAskedPath } from './paths.ts';
import { isADirectory, isMounted, openPlace, refuseMounted } from './place.ts';
import { isDirectory, isMissing, type ContainerRoot } from './root.ts';
import { unpackTree } from './unpack.ts';

/** What can be done with the files of one container, whose root is open. Owners and paths are the container's. Missing: not-found. */
export interface RootVerbs {
  stat(path: string): Promise<PathFacts>;
  /** A tar. */
  read(path: string): AsyncGenerator<Buffer>;
  /** Unpacks a tar. */
  write(path: string, source: AsyncIterable<Uint8Array>, options: WriteFilesOptions): Promise<void>;
  list(path: string): Promise<FileListing>;
  readContent(path: string): AsyncGenerator<Buffer>;
  writeContent(path: string, source: AsyncIterable<Uint8Array>, options: PlaceOptions): Promise<void>;
  makeDirectory(path: string, options: PlaceOptions): Promise<void>;
  remove(path: string, options: { readonly recursive: boolean }): Promise<void>;
  /** Whom ssh lets in (applySshKeys). */
  applyKeys(keys: Omit<SshKeys, 'container'>): Promise<void>;
  /** A stream socket at a path, as `bindGuestSocket`. The descriptor is the caller's. */
  bindSocket(path: string, rights: SocketRights): Promise<number>;
  removeSocket(path: string): Promise<void>;
  /** Which init is in it; null: none that is known. */
  detectInit(): Promise<InitSystem | null>;
}

/** Whose root it is. Can be sent as JSON. */
export interface RootOwner {
  readonly name: string;
  /** What the client calls it: for messages. */
  readonly ref: string;
  /** Its own user, as it was asked for; '' when it has none, and then files are never given to it. */
  readonly user: string;
  readonly groups: readonly string[];
  /** Nothing is to be written to the root itself; what is mounted in it is another matter. */
  readonly readOnly: boolean;
}

type Root = ContainerRoot & { readonly owner: RootOwner };

export function createRootVerbs(addon: Addon, opened: ContainerRoot, owner: RootOwner): RootVerbs {
  const root: Root = { ...opened, owner };
  const { name, ref } = owner;
  const check = (directory: number): void => refuseReadOnly(addon, root, directory);
  const named = (path: string) => ({ path: parseAskedPath(path).path, container: name });
  return {
    stat: (path) => reading(root, path, async () => describePath(addon, root, parseAskedPath(path), ref)),
    async *read(path) {
      const asked = parseAskedPath(path);
      const descriptor = openAsked(addon, root, asked, ref);
      try {
        yield* packTree(addon, root, descriptor, asked.name);
      } finally {
        addon.close(descriptor);
      }
    },
    write: (path, source, options) => writing(root, () => unpackInto(addon, root, { path, source, options })),
    list: (path) => reading(root, path, async () => listPath(addon, root, parseAskedPath(path), name)),
    readContent: (path) => readContent(addon, root, named(path)),
    writeContent: (path, source, options) => writing(root, () => writeContent(addon, root, source, { ...named(path), options, check })),
    makeDirectory: (path, options) =>
      writing(root, async () =>
        addon.withFsIds(root.first, root.first, () => makeDirectory(addon, root, { ...named(path), options, check })),
      ),
    remove: (path, options) => writing(root, () => removePath(addon, root, { path, ...options })),
    applyKeys: (keys) => applySshKeys(addon, root, { ...keys, container: name }),
    bindSocket: async (path, rights) => bindGuestSocket(addon, root, path, rights),
    removeSocket: async (path) => removeGuestSocket(addon, root, path),
    detectInit: async () => detectInit(addon, root.descriptor),
  };
}

async function writing(root: Root, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw isErrno(error, 'EROFS') ? mountReadOnly(root, error) : error;
  }
}

async function reading<Told>({ owner: { name } }: Root, path: string, work: () => Promise<Told>): Promise<Told> {
  try {
    return await work();
  } catch (error) {
    if (!isErrno(error, 'EACCES')) throw error;
    throw new OrlopError('permission-denied', 'ENGINE_FILES_CLOSED', `${path} in container ${name} is closed to the engine`, {
      hint: `a file system in user space lets in nobody from outside; from inside: orlop exec ${name} ls -l ${path}`,
      cause: error,
    });
  }
}

/** A read-only root is mounted so only while its container runs, and then the kernel does not say which mount refused: its owner says it. */
function refuseReadOnly(addon: Addon, root: Root, directory: number): void {
  const device = (descriptor: number): bigint => addon.fstatat(descriptor, '', AT_EMPTY_PATH).dev;
  if (root.owner.readOnly && device(directory) === device(root.descriptor)) throw rootReadOnly(root);
}

function rootReadOnly({ owner }: Root): OrlopError {
  return new OrlopError('permission-denied', 'ENGINE_ROOT_READ_ONLY', 'container rootfs is marked read-only', {
    hint: `write to a volume of ${owner.name}, or make it without --read-only`,
  });
}

/** Each verb has refused a read-only root before it writes: what the kernel refuses then is mounted in it. */
function mountReadOnly({ owner }: Root, cause: unknown): OrlopError {
  return new OrlopError('permission-denied', 'ENGINE_MOUNT_READ_ONLY', 'mounted volume is marked read-only', {
    hint: `write elsewhere in ${owner.name}, or mount it without ro`,
    cause,
  });
}

interface Unpacked {
  readonly path: string;
  readonly source: AsyncIterable<Uint8Array>;
  readonly options: WriteFilesOptions;
}

async function unpackInto(addon: Addon, root: Root, { path, source, options }: Unpacked): Promise<void> {
  const target = parseAskedPath(path).path;
  const { name, user, groups } = root.owner;
  checkTarget(addon, root, target);
  // As with Docker: a container that names no user has none of its own.
  const resolved = options.ownUser && user !== '' ? resolveUser(addon, root.descriptor, user, groups) : null;
  const owner = resolved === null ? {} : { owner: { uid: resolved.uid, gid: resolved.gid } };
  await unpackTree(addon, root, source, { container: name, target, keepKinds: options.keepKinds, ...owner });
}

function checkTarget(addon: Addon, root: Root, target: string): void {
  let descriptor: number;
  try {
    descriptor = openInRoot(addon, root.descriptor, target, O_PATH);
  } catch (error) {
    throw isMissing(error) ? missing(target, root.owner.ref) : error;
  }
  try {
    refuseReadOnly(addon, root, descriptor);
    if (isDirectory(addon.fstatat(descriptor, '', AT_EMPTY_PATH))) return;
  } finally {
    addon.close(descriptor);
  }
  throw new OrlopError('invalid-argument', 'ENGINE_NOT_A_DIRECTORY', `extraction point is not a directory: ${target}`);
}

async function removePath(
  addon: Addon,
  root: Root,
  { path: asked, recursive }: { readonly path: string; readonly recursive: boolean },
): Promise<void> {
  const { path } = parseAskedPath(asked);
  const { name } = root.owner;
  using place = addon.withFsIds(root.first, root.first, () => openPlace(addon, root, path, name, { follow: false }));
  if (place.facts === null) throw missing(path, name);
  refuseReadOnly(addon, root, place.parent);
  if (isDirectory(place.facts) && !recursive) throw isADirectory(path, name);
  refuseMounted(addon, place, path, name);
  try {
    await removeTree(addon, `/proc/self/fd/${place.parent}/${place.name}`);
  } catch (error) {
    throw isErrno(error, 'EBUSY', 'EXDEV') ? isMounted(path, name, error) : error;
  }
}
