import { execFile } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isErrno, OrlopError } from '#errors';
import type { Addon, MountOption } from '../addon.ts';
import { withErrno } from '../errno.ts';
import { imagesUnavailable, openLoopDevice } from './loop-device.ts';
import { withDescriptor } from './projects.ts';
import type { OpenDisk } from './types.ts';

const blockSize = 4096;

/**
 * `discard`: what is removed inside is given back to the disk below. `minixdf`: df(1) shows the size that was asked for, not what ext4 leaves of it. A file system that has
 * met an error is not written to any more.
 */
const mountOptions: readonly MountOption[] = [
  ['discard', null],
  ['minixdf', null],
  ['errors', 'remount-ro'],
];

/** Nothing is reserved for root, and nothing of a journal or a table of inodes is written that is not needed yet: the file stays sparse. */
const mkfsArguments = ['-q', '-F', '-b', String(blockSize), '-m', '0', '-E', 'lazy_journal_init=1'];

/** Makes a sparse file with an empty ext4 in it; nothing is left when that fails. mke2fs(8). */
export async function makeImage(file: string, sizeBytes: number): Promise<void> {
  const descriptor = withErrno(file, () => openSync(file, 'wx', 0o600));
  try {
    withErrno(file, () => ftruncateSync(descriptor, wholeBlocks(sizeBytes)));
  } finally {
    closeSync(descriptor);
  }
  try {
    await mkfs(file);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function mkfs(file: string): Promise<void> {
  const path = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
  try {
    await promisify(execFile)('mkfs.ext4', [...mkfsArguments, file], { env: { PATH: path, LC_ALL: 'C' } });
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) throw imagesUnavailable('there is no mkfs.ext4', 'install e2fsprogs', cause);
    const { stderr = '' } = cause as { stderr?: string };
    const said = stderr.trim();
    throw new OrlopError('internal', 'SYS_MKFS_FAILED', `mkfs.ext4 made no file system in ${file}: ${said.split('\n').at(-1) ?? ''}`, {
      cause,
    });
  }
}

/** Mounts an image, for as long as the result is open or something else, an overlay, keeps the file system. Any number of times. */
export async function openImage(addon: Addon, file: string): Promise<OpenDisk> {
  // Found or attached within one turn, so that nobody attaches it twice; it stays while we have it open, then by the mount.
  using device = openLoopDevice(addon, file);
  const descriptor = await addon.mountAside('ext4', [['source', device.path], ...mountOptions], 0);
  let isOpen = true;
  return {
    descriptor,
    path: `/proc/self/fd/${descriptor}`,
    async [Symbol.asyncDispose]() {
      if (!isOpen) return;
      isOpen = false;
      await addon.closeAside(descriptor);
    },
  };
}

/** Bytes of the file system as its superblock has them: what is mounted may have grown since (ext4(5), Documentation/filesystems/ext4/super.rst). */
export function imageSize(file: string): number {
  const superblock = Buffer.alloc(1024);
  const descriptor = withErrno(file, () => openSync(file, 'r'));
  try {
    withErrno(file, () => readSync(descriptor, superblock, 0, superblock.length, 1024));
  } finally {
    closeSync(descriptor);
  }
  const blocks = superblock.readUInt32LE(0x4) + superblock.readUInt32LE(0x150) * 2 ** 32;
  return blocks * 1024 * 2 ** superblock.readUInt32LE(0x18);
}

/**
 * Grows file, device and file system, mounted elsewhere or not; what was cut off is finished the next time. Fails with failed-precondition `SYS_DISK_SHRINK` or
 * `SYS_DISK_NOT_GROWN`.
 */
export async function growImage(addon: Addon, file: string, sizeBytes: number): Promise<void> {
  const size = wholeBlocks(sizeBytes);
  await using disk = await openImage(addon, file);
  // Thanks to `minixdf` this is all of it.
  const present = addon.statfs(disk.path).blocks * blockSize;
  if (size < present) throw cannotShrink();
  if (size === present) return;
  if (statSync(file).size < size) withErrno(file, () => truncateSync(file, size));
  using device = openLoopDevice(addon, file);
  addon.refreshLoopSize(device.descriptor);
  // fsmount(2) gives a descriptor that only names the mount.
  const root = withDescriptor(addon, `${disk.path}/.`, (descriptor) => addon.dup(descriptor));
  try {
    await addon.resizeExt4(root, size / blockSize);
  } catch (cause) {
    throw isErrno(cause, 'EPERM') ? mayNotGrow(cause) : cause;
  } finally {
    addon.close(root);
  }
}

function cannotShrink(): OrlopError {
  return new OrlopError('failed-precondition', 'SYS_DISK_SHRINK', 'a disk that is an image file cannot be made smaller', {
    hint: 'make a smaller one and copy; on ext4 or xfs mounted with prjquota limits can shrink',
  });
}

function mayNotGrow(cause: unknown): OrlopError {
  const message = 'the disk cannot grow: the kernel refuses that to this engine, or to a file system that has errors';
  return new OrlopError('failed-precondition', 'SYS_DISK_NOT_GROWN', message, {
    hint: 'run the engine with CAP_SYS_RESOURCE, and look at the kernel log',
    cause,
  });
}

function wholeBlocks(sizeBytes: number): number {
  return Math.ceil(sizeBytes / blockSize) * blockSize;
}
