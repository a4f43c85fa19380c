import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { OrlopError } from '#errors';
import type { Addon, FileFacts, PathText } from './addon.ts';
import * as k from './constants.ts';
import { withErrno } from './errno.ts';

const insideRoot = k.RESOLVE_IN_ROOT | k.RESOLVE_NO_MAGICLINKS;

/**
 * Opens a guest's path as the guest would see it: absolute and relative links, `..` and all stay inside `root` (openat2(2), RESOLVE_IN_ROOT).
 * `mode` only with O_CREAT. Opening a guest's FIFO or device has effects: take O_PATH unless the file is known. The caller closes it.
 */
export function openInRoot(addon: Addon, root: number, path: PathText, flags: number, mode = 0): number {
  return addon.openat2(root, path, flags, mode, insideRoot);
}

/** stat(2) of a guest's path; `follow` false looks at a final symbolic link itself. */
export function statInRoot(addon: Addon, root: number, path: PathText, options: { readonly follow?: boolean } = {}): FileFacts {
  const nofollow = options.follow === false ? k.O_NOFOLLOW : 0;
  const descriptor = openInRoot(addon, root, path, k.O_PATH | nofollow);
  try {
    return addon.fstatat(descriptor, '', k.AT_EMPTY_PATH);
  } finally {
    addon.close(descriptor);
  }
}

/**
 * Reads a guest's regular file. Anything else is refused before it is opened for reading: a FIFO would block, a device would act.
 * Fails with ErrnoError, with failed-precondition `SYS_NOT_A_FILE`, or with resource-exhausted `SYS_FILE_TOO_LARGE` above `maxBytes`.
 */
export function readFileInRoot(addon: Addon, root: number, path: PathText, maxBytes: number): Buffer {
  const name = typeof path === 'string' ? path : Buffer.from(path).toString();
  const handle = openInRoot(addon, root, path, k.O_PATH);
  try {
    const facts = addon.fstatat(handle, '', k.AT_EMPTY_PATH);
    if ((facts.mode & k.S_IFMT) !== k.S_IFREG)
      throw new OrlopError('failed-precondition', 'SYS_NOT_A_FILE', `${name} is not a regular file`);
    // The magic link reaches exactly the inode that was just looked at.
    const file = withErrno(name, () => openSync(`/proc/self/fd/${handle}`, 'r'));
    try {
      return readAtMost(file, name, maxBytes);
    } finally {
      closeSync(file);
    }
  } finally {
    addon.close(handle);
  }
}

/** Reads to the end instead of trusting the size: the guest may be writing, and files of proc and sysfs say 0. */
function readAtMost(file: number, name: string, maxBytes: number): Buffer {
  const room = Math.min(fstatSync(file).size, maxBytes) + 1;
  let buffer = Buffer.allocUnsafe(Math.max(room, Math.min(4096, maxBytes + 1)));
  for (let length = 0; ; ) {
    const count = withErrno(name, () => readSync(file, buffer, length, buffer.length - length, null));
    if (count === 0) return buffer.subarray(0, length);
    length += count;
    if (length > maxBytes) throw new OrlopError('resource-exhausted', 'SYS_FILE_TOO_LARGE', `${name} is larger than ${maxBytes} bytes`);
    if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(buffer.length * 2, maxBytes + 1));
  }
}
