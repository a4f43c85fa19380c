import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { isErrno } from '#errors';
import { type Addon, MNT_DETACH, O_DIRECTORY, O_PATH } from '#sys';
import { rejectField } from '../plan/refuse.ts';
import type { NamespaceRequest } from '../sandbox/types.ts';

/**
 * Whether the container shares the mount namespace of its caller, because linux.namespaces names none: its root is then mounted over its own directory on the
 * host, where everybody sees it, and stays there until the container is deleted. As with runc the root is entered by chroot(2).
 *
 * To *join* the caller's own namespace is refused: a joined one gets the container's root for all who are in it.
 */
export function isRootInPlace(namespaces: readonly NamespaceRequest[]): boolean {
  const index = namespaces.findIndex(({ name }) => name === 'mnt');
  const join = namespaces[index]?.join;
  if (join !== undefined && isOurs(join))
    throw rejectField(`linux.namespaces[${index}].path`, "is the host's own mount namespace", 'leave the namespace out');
  return index < 0;
}

function isOurs(descriptor: number): boolean {
  const ours = statSync('/proc/self/ns/mnt');
  const theirs = statSync(`/proc/self/fd/${descriptor}`);
  return ours.ino === theirs.ino && ours.dev === theirs.dev;
}

/** The kernel's number of the mount that a path is on (proc_pid_fdinfo(5)); null where there is no such directory. */
export function mountAt(path: string): number | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, O_PATH | O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
  try {
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
    return Number(id);
  } finally {
    closeSync(descriptor);
  }
}

/** Takes the root's mount off its directory, unless somebody has done so: what lies below belongs to whoever made the bundle. */
export function takeOffRoot(addon: Addon, rootfs: string, mount: number): void {
  if (mountAt(rootfs) === mount) addon.umount(rootfs, MNT_DETACH);
}
