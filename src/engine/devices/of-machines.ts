import { AT_FDCWD, S_IFCHR, S_IFMT, type Addon } from '#sys';
import { isErrno } from '#errors';
import type { Kind } from '../model.ts';
import type { GivenDevice } from './gather.ts';

/**
 * What programs in a machine mount their file systems and make their tunnels with, in their own namespaces: the kernel gives both to the root of any user namespace. Containers inside need them: without
 * /dev/fuse no overlay can be on a machine's root (which is one).
 */
const paths = ['/dev/fuse', '/dev/net/tun'] as const;

/** Those of them that this host has. Anybody may open them, as udev has it. */
export function machineDevices(addon: Addon, kind: Kind): GivenDevice[] {
  if (kind !== 'system') return [];
  return paths.flatMap((target) => {
    const numbers = numbersOf(addon, target);
    return numbers === null
      ? []
      : [{ source: target, target, type: 'c' as const, ...numbers, mode: 0o666, uid: 0, gid: 0, permissions: 'rwm' }];
  });
}

function numbersOf(addon: Addon, path: string): { readonly major: number; readonly minor: number } | null {
  try {
    const { mode, rdevMajor: major, rdevMinor: minor } = addon.fstatat(AT_FDCWD, path, 0);
    return (mode & S_IFMT) === S_IFCHR ? { major, minor } : null;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return null;
    throw error;
  }
}
