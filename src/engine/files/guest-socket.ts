import { basename, dirname } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  openInRoot,
  S_IFMT,
  S_IFSOCK,
  type Addon,
} from '#sys';
import type { ContainerRoot } from './root.ts';

/** To whom a socket belongs, in ids of those who see it, and its rights. */
export interface SocketRights {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly mode: number;
}

/** Binds a stream socket at a path of a container, looked up as the container would; one that lies there is taken away. The descriptor is the caller's. conflict `DEVICE_TAKEN`. */
export function bindGuestSocket(addon: Addon, root: ContainerRoot, path: string, rights: SocketRights): number {
  return inParent(addon, root, path, (parent, name) => {
    clear(addon, parent, name);
    const bind = (): number => addon.bindStream(`/proc/self/fd/${parent}/${name}`);
    const socket = addon.withFsIds(root.first, root.first, () => orTaken(path, bind));
    try {
      giveSocket(addon, parent, name, rights, root.first);
      return socket;
    } catch (error) {
      addon.close(socket);
      throw error;
    }
  });
}

/** Takes away a socket; what is none, or not there, is left alone. */
export function removeGuestSocket(addon: Addon, root: ContainerRoot, path: string): void {
  inParent(addon, root, path, (parent, name) => clear(addon, parent, name));
}

/** Through a descriptor of the very socket: whatever a guest has put in its place by then is none, and left alone. `first`: where owner 0 is. */
export function giveSocket(addon: Addon, directory: number, name: string, { uid, gid, mode }: SocketRights, first: number): void {
  const socket = addon.openat2(directory, name, O_PATH | O_NOFOLLOW, 0, 0);
  try {
    if ((addon.fstatat(socket, '', AT_EMPTY_PATH).mode & S_IFMT) !== S_IFSOCK) return;
    if (uid !== undefined || gid !== undefined) addon.fchownat(socket, '', first + (uid ?? 0), first + (gid ?? 0), AT_EMPTY_PATH);
    addon.fchmodat(AT_FDCWD, `/proc/self/fd/${socket}`, mode, 0);
  } finally {
    addon.close(socket);
  }
}

/** conflict `DEVICE_TAKEN` when somebody else listens there. */
export function orTaken(what: string, bind: () => number): number {
  try {
    return bind();
  } catch (error) {
    if (!isErrno(error, 'EADDRINUSE')) throw error;
    throw new OrlopError('conflict', 'DEVICE_TAKEN', `the proxy cannot listen on ${what}: it is in use`, { cause: error });
  }
}

function inParent<Result>(addon: Addon, root: ContainerRoot, path: string, work: (parent: number, name: string) => Result): Result {
  const parent = openInRoot(addon, root.descriptor, dirname(path), O_PATH | O_DIRECTORY);
  try {
    return work(parent, basename(path));
  } finally {
    addon.close(parent);
  }
}

function clear(addon: Addon, parent: number, name: string): void {
  try {
    if ((addon.fstatat(parent, name, AT_SYMLINK_NOFOLLOW).mode & S_IFMT) === S_IFSOCK) addon.unlinkat(parent, name, 0);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
