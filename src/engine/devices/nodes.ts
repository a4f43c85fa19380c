import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import type { SpecMount } from '#oci';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  idmappedView,
  inInitialUsers,
  MOUNT_ATTR_NODEV,
  OPEN_TREE_CLONE,
  S_IFBLK,
  S_IFCHR,
  type Addon,
} from '#sys';
import type { GivenDevice } from './gather.ts';

/**
 * Makes nodes of the container's own for these devices, in `directory` and with the owners that the container is to see, and opens each as a detached mount by its place.
 * A user namespace can make no nodes, and the host's own belong to nobody in there: these are mapped as all of the container's files are. An engine in a machine
 * can make none either, and gives those that the machine has. `users`: what maps them; null: nothing does. `borrow` closes a descriptor once the start is over.
 */
export function openDeviceNodes(
  addon: Addon,
  devices: readonly GivenDevice[],
  {
    directory,
    users,
    borrow,
  }: { readonly directory: string; readonly users: number | null; readonly borrow: (descriptor: number) => number },
): Map<string, number> {
  if (devices.length === 0) return new Map();
  if (!inInitialUsers())
    return new Map(devices.map(({ source, target }) => [target, borrow(addon.openTree(AT_FDCWD, source, OPEN_TREE_CLONE))]));
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
  return new Map(
    devices.map((device, index) => {
      const path = join(directory, String(index));
      makeNode(addon, path, device);
      const mount = borrow(users === null ? addon.openTree(AT_FDCWD, path, OPEN_TREE_CLONE) : idmappedView(addon, path, users));
      // Whatever the data root is mounted with: this is a device on purpose.
      addon.mountSetattr(mount, '', AT_EMPTY_PATH, 0n, BigInt(MOUNT_ATTR_NODEV), 0n, -1);
      return [device.target, mount];
    }),
  );
}

function makeNode(addon: Addon, path: string, { type, major, minor, mode, uid, gid, target }: GivenDevice): void {
  try {
    addon.mknodat(AT_FDCWD, path, (type === 'b' ? S_IFBLK : S_IFCHR) | 0o600, major, minor);
  } catch (error) {
    if (!isErrno(error, 'EPERM')) throw error;
    throw new OrlopError(
      'permission-denied',
      'ENGINE_NO_MKNOD',
      `the device ${target} (${type} ${major}:${minor}) cannot be given: the engine may make no device nodes`,
      {
        hint: 'it takes CAP_MKNOD in the host’s user namespace',
        cause: error,
      },
    );
  }
  addon.fchownat(AT_FDCWD, path, uid, gid, 0);
  addon.fchmodat(AT_FDCWD, path, mode, 0);
}

/** Where they go; they come as descriptors. */
export function deviceMounts(devices: readonly GivenDevice[]): SpecMount[] {
  return devices.map(({ target }) => ({ destination: target, type: 'bind', source: target, options: ['bind'] }));
}
