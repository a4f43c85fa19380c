import type { Addon } from '../addon.ts';
import { AT_EMPTY_PATH, AT_FDCWD, MOUNT_ATTR_RDONLY, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from '../constants.ts';

export interface BosunExecutable {
  /** A path for spawnMonitor, good while this process lives and `close` was not called. */
  readonly path: string;
  close(): void;
}

/**
 * Opens bosun through a read-only mount of its own. bosun insists on running from one (a container must not be able to write to the file,
 * CVE-2019-5736) and makes it itself otherwise, which costs each monitor a second execve: an engine that spawns many opens it once.
 * Fails with the ErrnoError of open_tree or mount_setattr.
 */
export function openBosun(addon: Addon, file: string): BosunExecutable {
  const mount = addon.openTree(AT_FDCWD, file, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  try {
    addon.mountSetattr(mount, '', AT_EMPTY_PATH, BigInt(MOUNT_ATTR_RDONLY), 0n, 0n, -1);
  } catch (error) {
    addon.close(mount);
    throw error;
  }
  return { path: `/proc/${process.pid}/fd/${mount}`, close: () => addon.close(mount) };
}
