import { fchmodSync, statfsSync } from 'node:fs';
import { ErrnoError, isErrno, OrlopError } from '#errors';
import { type Addon, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, inInitialUsers, O_NOFOLLOW, O_PATH, RESOLVE_BENEATH, withErrno } from '#sys';
import { showByteText } from '../tar/byte-text.ts';
import { badTar, type TarEntry } from '../tar/header.ts';

/** overlayfs' own attributes: an archive that could set them could reach through to other layers' files. */
export function isOverlayAttribute(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.');
}

/** (uid_t) -1 means "leave as it is" to chown(2). */
const maxId = 0xffff_fffe;

export function checkOwner(entry: TarEntry): void {
  for (const id of [entry.uid, entry.gid]) {
    if (id < 0 || id > maxId) throw badTar(`entry ${showByteText(entry.path)} has the impossible owner ${entry.uid}:${entry.gid}`);
  }
}

/** Of an open file. The order matters: chown clears set-id bits and capabilities, writing any attribute the time. */
export function setFileAttributes(addon: Addon, descriptor: number, entry: TarEntry): number {
  addon.fchownat(descriptor, '', entry.uid, entry.gid, AT_EMPTY_PATH);
  withErrno('file', () => fchmodSync(descriptor, entry.mode));
  const skipped = setXattrs(addon, descriptor, entry);
  addon.utimensat(descriptor, '', entry.mtimeNs, entry.mtimeNs, AT_EMPTY_PATH);
  return skipped;
}

/** Of what has a name but is not opened: a directory, link, device or fifo. `withTime` false leaves the time for later. */
export function setNamedAttributes(addon: Addon, parent: number, name: string | Buffer, entry: TarEntry, withTime: boolean): number {
  addon.fchownat(parent, name, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW);
  if (entry.type !== 'symlink') addon.fchmodat(parent, name, entry.mode, 0);
  let skipped = 0;
  if (entry.xattrs.size > 0) {
    const descriptor = addon.openat2(parent, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH);
    try {
      skipped = setXattrs(addon, descriptor, entry);
    } finally {
      addon.close(descriptor);
    }
  }
  if (withTime) addon.utimensat(parent, name, entry.mtimeNs, entry.mtimeNs, AT_SYMLINK_NOFOLLOW);
  return skipped;
}

/** How many the file system, the kind of file or, in a machine, the kernel does not take: those are left out, as other engines do. */
function setXattrs(addon: Addon, descriptor: number, entry: TarEntry): number {
  let skipped = 0;
  for (const [name, value] of entry.xattrs) {
    if (isOverlayAttribute(name)) continue;
    try {
      addon.setxattr(descriptor, name, value);
    } catch (error) {
      if (isErrno(error, 'EOPNOTSUPP', 'ENOTSUP') || (isErrno(error, 'EPERM') && (name.startsWith('user.') || !inInitialUsers())))
        skipped += 1;
      else throw attributeError(error, descriptor, entry, name, value.length);
    }
  }
  return skipped;
}

/** ext4 says ENOSPC when attributes exceed their block, however empty the disk is. */
function attributeError(error: unknown, descriptor: number, entry: TarEntry, name: string, size: number): unknown {
  if (!isErrno(error, 'ENOSPC', 'E2BIG', 'ERANGE')) return error;
  const { bavail } = statfsSync(`/proc/self/fd/${descriptor}`);
  if (bavail === 0 && error instanceof ErrnoError && error.errno === 'ENOSPC') return error;
  return new OrlopError(
    'failed-precondition',
    'STORE_XATTR_TOO_LARGE',
    `the file system cannot hold the extended attribute ${name} (${size} bytes) of ${showByteText(entry.path)}`,
    { hint: 'put the data root on a file system with large attributes, such as xfs or btrfs', cause: error },
  );
}
