import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { isErrno } from '#errors';
import type { Addon } from './addon.ts';

/** A file system in user space, as the kernel lists it (fuse.rst, "Control filesystem"). */
export interface FuseConnection {
  /** The minor number of its device; the major one is 0. */
  readonly minor: number;
  /** Who has mounted it, as the host sees that user. */
  readonly uid: number;
}

/**
 * Ends those connections that are wanted, and says how many. All that wait for an answer of theirs get ECONNABORTED at once, also what no signal ends because the server has taken the question
 * already; the file systems are dead. Nothing here asks a server. None where the kernel has no FUSE, or this is not the host's root.
 */
export function abortFuseConnections(addon: Addon, isWanted: (connection: FuseConnection) => boolean): number {
  const control = openControl(addon);
  if (control === null) return 0;
  try {
    const directory = `/proc/self/fd/${control}`;
    return readdirSync(directory).filter((name) => abortOne(`${directory}/${name}`, Number(name), isWanted)).length;
  } finally {
    addon.close(control);
  }
}

function abortOne(directory: string, minor: number, isWanted: (connection: FuseConnection) => boolean): boolean {
  try {
    if (!isWanted({ minor, uid: statSync(directory).uid })) return false;
    writeFileSync(`${directory}/abort`, '1');
    return true;
  } catch (error) {
    // It has gone meanwhile.
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** A mount of our own that nobody sees: hosts need not have it at /sys/fs/fuse/connections. */
function openControl(addon: Addon): number | null {
  try {
    return addon.mountDetached('fusectl', [], 0);
  } catch (error) {
    if (isErrno(error, 'ENODEV', 'EPERM')) return null;
    throw error;
  }
}
