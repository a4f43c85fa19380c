import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isErrno, OrlopError, toOrlopError } from '#errors';
import * as k from '#sys';
import { type Addon, type MountOption, readMountinfo } from '#sys';
import { redactOptions, type LocalMount } from './local-options.ts';

/** Whether something is mounted on this very directory. */
export function isMountPoint(path: string): boolean {
  return readMountinfo().some(({ mountPoint }) => mountPoint === path);
}

/**
 * Mounts on the host's directory `place`, in our mount namespace: it lasts longer than we do. Fails with failed-precondition `VOLUME_MOUNT_FAILED` in Docker's words,
 * without the options, which may hold a password.
 */
export async function mountLocal(addon: Addon, mount: LocalMount, place: string): Promise<void> {
  try {
    const descriptor = mount.options.bind === 'no' ? await openFileSystem(addon, mount) : openBind(addon, mount);
    try {
      addon.moveMount(descriptor, '', k.AT_FDCWD, place, k.MOVE_MOUNT_F_EMPTY_PATH);
    } finally {
      addon.close(descriptor);
    }
  } catch (error) {
    throw mountFailed(mount, place, error);
  }
}

/** Whoever is still in it keeps the file system, not the place. */
export function unmountLocal(addon: Addon, place: string): void {
  addon.umount(place, k.MNT_DETACH | k.UMOUNT_NOFOLLOW);
}

async function openFileSystem(addon: Addon, { fstype, device, options }: LocalMount): Promise<number> {
  const { set } = options.own;
  const readOnly = (set & k.MOUNT_ATTR_RDONLY) !== 0;
  const data = await Promise.all(options.data.map((option) => optionOf(fstype, option)));
  // The file system itself as well: one on a device must not be written to, not even by its journal.
  return addon.mountDetached(fstype, [['source', device], ...(readOnly ? [['ro', null] as const] : []), ...data], set | options.tree.set);
}

/** The kernel knows servers by their addresses only: `addr=name` is looked up here. Of a server with both, the IPv4 one, as Docker does. */
async function optionOf(fstype: string, option: string): Promise<MountOption> {
  const equals = option.indexOf('=');
  if (equals < 0) return [option, null];
  const [key, value] = [option.slice(0, equals), option.slice(equals + 1)];
  const isServer = key === 'addr' && (fstype.startsWith('nfs') || fstype === 'cifs') && isIP(value) === 0;
  return [key, isServer ? (await lookup(value, { order: 'ipv4first' })).address : value];
}

function openBind(addon: Addon, { device, options }: LocalMount): number {
  const recursive = options.bind === 'tree' ? k.AT_RECURSIVE : 0;
  const descriptor = addon.openTree(k.AT_FDCWD, device, k.OPEN_TREE_CLONE | recursive);
  try {
    addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | k.AT_RECURSIVE, 0n, 0n, BigInt(k.MS_PRIVATE), -1);
    for (const [{ set, clear }, flags] of [[options.own, 0] as const, [options.tree, k.AT_RECURSIVE] as const]) {
      if (set !== 0 || clear !== 0) addon.mountSetattr(descriptor, '', k.AT_EMPTY_PATH | flags, BigInt(set), BigInt(clear), 0n, -1);
    }
    return descriptor;
  } catch (error) {
    addon.close(descriptor);
    throw error;
  }
}

function mountFailed({ fstype, device }: LocalMount, place: string, error: unknown): OrlopError {
  const what = isErrno(error, 'ENODEV') ? `the kernel has no file system ${fstype}` : redactOptions(toOrlopError(error).message);
  return new OrlopError('failed-precondition', 'VOLUME_MOUNT_FAILED', `failed to mount local volume: mount ${device}:${place}: ${what}`, {
    hint: isErrno(error, 'ENODEV') ? `load its module: modprobe ${fstype}` : "look at the volume's options",
  });
}
