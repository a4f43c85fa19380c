import { lstatSync, openSync, rmSync, constants } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  openInRoot,
  openNamespace,
  S_IFMT,
  S_IFSOCK,
  withErrno,
  type Addon,
} from '#sys';
import type { ProxyDevice } from '#wire';
import type { ProxyPlace } from './proxy.ts';

type Borrow = (descriptor: number) => number;

const socketStream = 1;
const socketDatagram = 2;

/** The sockets that a proxy listens on, on its side, in order. conflict when one is taken. */
export function openListeners(addon: Addon, place: ProxyPlace, proxy: ProxyDevice, borrow: Borrow): number[] {
  const { listen } = proxy;
  if (listen.protocol === 'unix')
    return [
      proxy.bind === 'host' ? listenOnHost(addon, listen.path, proxy, borrow) : listenInside(addon, place, listen.path, proxy, borrow),
    ];
  const namespace = proxy.bind === 'host' ? -1 : borrow(openNamespace(place.pid, 'net'));
  const type = listen.protocol === 'tcp' ? socketStream : socketDatagram;
  return listen.ports.map((port) =>
    borrow(orTaken(`${listen.protocol}:${listen.address}:${port}`, () => addon.bindInNamespace(namespace, type, listen.address, port))),
  );
}

/** Takes away the socket that a carrier which has ended listened on. `place`: null when the container does not run. */
export function clearListener(addon: Addon, place: ProxyPlace | null, { listen, bind }: ProxyDevice): void {
  if (listen.protocol !== 'unix') return;
  if (bind === 'host') return clearOnHost(addon, listen.path);
  if (place !== null) withParent(addon, place, listen.path, (parent, name) => clearInside(addon, parent, name));
}

function listenOnHost(addon: Addon, path: string, proxy: ProxyDevice, borrow: Borrow): number {
  const socket = borrow(orTaken(path, () => addon.bindStream(path)));
  own(addon, AT_FDCWD, path, proxy, 0);
  return socket;
}

function listenInside(addon: Addon, place: ProxyPlace, path: string, proxy: ProxyDevice, borrow: Borrow): number {
  const first = place.range?.first ?? 0;
  let socket = -1;
  withParent(addon, place, path, (parent, name) => {
    clearInside(addon, parent, name);
    socket = borrow(addon.withFsIds(first, first, () => orTaken(path, () => addon.bindStream(`/proc/self/fd/${parent}/${name}`))));
    own(addon, parent, name, proxy, first);
  });
  return socket;
}

/** The directory of a guest's path, looked up as the guest would. What is not there is nobody's socket. */
function withParent(addon: Addon, { pid }: ProxyPlace, path: string, work: (parent: number, name: string) => void): void {
  const root = openRoot(pid);
  if (root === null) return;
  try {
    const parent = openInRoot(addon, root, dirname(path), O_PATH | O_DIRECTORY);
    try {
      work(parent, basename(path));
    } finally {
      addon.close(parent);
    }
  } finally {
    addon.close(root);
  }
}

function openRoot(pid: number): number | null {
  const path = `/proc/${pid}/root`;
  try {
    return withErrno(path, () => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}

/** Through a descriptor of the very socket: whatever the guest has put in its place by then is none, and left alone. */
function own(addon: Addon, directory: number, name: string, { uid, gid, mode }: ProxyDevice, first: number): void {
  const socket = addon.openat2(directory, name, O_PATH | O_NOFOLLOW, 0, 0);
  try {
    if ((addon.fstatat(socket, '', AT_EMPTY_PATH).mode & S_IFMT) !== S_IFSOCK) return;
    if (uid !== undefined || gid !== undefined) addon.fchownat(socket, '', first + (uid ?? 0), first + (gid ?? 0), AT_EMPTY_PATH);
    addon.fchmodat(AT_FDCWD, `/proc/self/fd/${socket}`, mode, 0);
  } finally {
    addon.close(socket);
  }
}

function clearInside(addon: Addon, parent: number, name: string): void {
  try {
    if ((addon.fstatat(parent, name, 0x100).mode & S_IFMT) === S_IFSOCK) addon.unlinkat(parent, name, 0);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** Only a socket, and only one that nobody serves. */
function clearOnHost(addon: Addon, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  try {
    addon.close(addon.connectUnix(path));
  } catch (error) {
    if (isErrno(error, 'ECONNREFUSED')) rmSync(path, { force: true });
  }
}

function orTaken(what: string, bind: () => number): number {
  try {
    return bind();
  } catch (error) {
    if (!isErrno(error, 'EADDRINUSE')) throw error;
    throw new OrlopError('conflict', 'DEVICE_TAKEN', `the proxy cannot listen on ${what}: it is in use`, { cause: error });
  }
}
