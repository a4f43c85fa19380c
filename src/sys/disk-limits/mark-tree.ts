import { readdirSync } from 'node:fs';
import { isErrno } from '#errors';
import type { Addon } from '../addon.ts';
import * as k from '../constants.ts';
import { withErrno } from '../errno.ts';
import { createGiveWay } from '../give-way.ts';

interface Marking {
  readonly addon: Addon;
  readonly project: number;
  readonly giveWay: () => Promise<void>;
}

/**
 * Lets a directory and all that is below it count for a project, while it is in use: directories before what is in them, so that what is made meanwhile counts too. Links,
 * devices and the like, which cannot be opened and take next to nothing, keep theirs.
 */
export async function markTree(addon: Addon, directory: string, project: number): Promise<void> {
  const marking: Marking = { addon, project, giveWay: createGiveWay() };
  const root = addon.openat2(k.AT_FDCWD, directory, k.O_RDONLY | k.O_DIRECTORY | k.O_NOFOLLOW, 0, 0);
  try {
    await markDirectory(marking, root);
  } finally {
    addon.close(root);
  }
}

async function markDirectory(marking: Marking, directory: number): Promise<void> {
  const { addon, project } = marking;
  addon.setProject(directory, project, true);
  const entries = withErrno('directory', () => readdirSync(`/proc/self/fd/${directory}`, { withFileTypes: true, encoding: 'buffer' }));
  for (const entry of entries) {
    await marking.giveWay();
    if (!entry.isDirectory() && !entry.isFile()) continue;
    const found = openChecked(addon, directory, entry.name, entry.isDirectory() ? k.S_IFDIR : k.S_IFREG);
    if (found === null) continue;
    try {
      if (entry.isDirectory()) await markDirectory(marking, found);
      else addon.setProject(found, project, false);
    } finally {
      addon.close(found);
    }
  }
}

/** Opened for good only when it is what it was said to be: a guest may put a device in its place. null: it is not, or it is gone. */
function openChecked(addon: Addon, directory: number, name: Uint8Array, type: number): number | null {
  try {
    const resolve = k.RESOLVE_BENEATH | k.RESOLVE_NO_SYMLINKS | k.RESOLVE_NO_XDEV;
    const handle = addon.openat2(directory, name, k.O_PATH | k.O_NOFOLLOW, 0, resolve);
    try {
      const { mode } = addon.fstatat(handle, '', k.AT_EMPTY_PATH);
      return (mode & k.S_IFMT) === type ? addon.openat2(k.AT_FDCWD, `/proc/self/fd/${handle}`, k.O_RDONLY, 0, 0) : null;
    } finally {
      addon.close(handle);
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'ENOTDIR')) return null;
    throw error;
  }
}
