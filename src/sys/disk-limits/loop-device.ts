import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import * as k from '../constants.ts';

/** A loop device that stays as long as this, or a mount of it, does; then the kernel takes its file away by itself (LO_FLAGS_AUTOCLEAR). */
export interface LoopDevice extends Disposable {
  readonly path: string;
  /** Read-only: a kernel may refuse to mount what somebody could write to. */
  readonly descriptor: number;
}

/** Others may take devices at the same time. */
const mostTries = 64;

/**
 * The loop device of a file: the one that there is, since two of them would not know of each other's changes, else a new one. Takes one turn of the event loop. Fails with
 * failed-precondition `SYS_DISK_IMAGES_UNAVAILABLE` where there are no loop devices.
 */
export function openLoopDevice(addon: Addon, file: string): LoopDevice {
  return findLoopDevice(addon, file) ?? attachLoopDevice(addon, file);
}

function findLoopDevice(addon: Addon, file: string): LoopDevice | null {
  const descriptor = addon.openat2(k.AT_FDCWD, file, k.O_PATH, 0, 0);
  const facts = addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
  addon.close(descriptor);
  for (const name of readdirSync('/sys/block')) {
    if (!name.startsWith('loop') || !isAbout(name, file)) continue;
    const device = tryOpen(addon, `/dev/${name}`);
    if (device === null) continue;
    // Whatever the name says: this very file, by a device that cannot be given away while we have it open.
    const status = addon.loopStatus(device);
    if (status !== null && status.ino === facts.ino && status.dev === facts.dev) return loopDevice(addon, `/dev/${name}`, device);
    addon.close(device);
  }
  return null;
}

/** A first look, without opening anybody else's devices. The path is as its attacher saw it, perhaps from another root. */
function isAbout(name: string, file: string): boolean {
  try {
    const backing = readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trimEnd();
    return basename(backing.replace(/ \(deleted\)$/, '')) === basename(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENXIO')) return false;
    throw error;
  }
}

function tryOpen(addon: Addon, path: string): number | null {
  try {
    return addon.openat2(k.AT_FDCWD, path, k.O_RDONLY, 0, 0);
  } catch (error) {
    // It is being cleared at this moment.
    if (isErrno(error, 'ENXIO', 'ENOENT', 'EBUSY')) return null;
    throw error;
  }
}

function attachLoopDevice(addon: Addon, file: string): LoopDevice {
  using opened = new DisposableStack();
  const open = (path: string, flags: number): number => opened.adopt(addon.openat2(k.AT_FDCWD, path, flags, 0, 0), (fd) => addon.close(fd));
  const backing = open(file, k.O_RDWR);
  const control = opened.adopt(openControl(addon), (fd) => addon.close(fd));
  for (let tries = 0; tries < mostTries; tries++) {
    const path = `/dev/loop${addon.freeLoopDevice(control)}`;
    const writable = open(path, k.O_RDWR);
    try {
      addon.configureLoop(writable, backing, k.LO_FLAGS_AUTOCLEAR | k.LO_FLAGS_DIRECT_IO, 4096);
    } catch (error) {
      if (isErrno(error, 'EBUSY')) continue;
      throw error;
    }
    return loopDevice(addon, path, addon.openat2(k.AT_FDCWD, path, k.O_RDONLY, 0, 0));
  }
  throw new OrlopError('unavailable', 'SYS_LOOP_BUSY', `no loop device could be had for ${file}: others took them`);
}

function openControl(addon: Addon): number {
  try {
    return addon.openat2(k.AT_FDCWD, '/dev/loop-control', k.O_RDWR, 0, 0);
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'ENODEV', 'ENXIO', 'EPERM', 'EACCES')) throw cause;
    throw imagesUnavailable('there are no loop devices here', 'load them: modprobe loop', cause);
  }
}

function loopDevice(addon: Addon, path: string, descriptor: number): LoopDevice {
  return { path, descriptor, [Symbol.dispose]: () => addon.close(descriptor) };
}

export function imagesUnavailable(reason: string, remedy: string, cause: unknown): OrlopError {
  return new OrlopError('failed-precondition', 'SYS_DISK_IMAGES_UNAVAILABLE', `a disk limit cannot be made: ${reason}`, {
    hint: `${remedy}, or put the data root on ext4 or xfs mounted with prjquota`,
    cause,
  });
}
