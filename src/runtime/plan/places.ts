import { posix } from 'node:path';
import type { SpecMount } from '#oci';

/** Where a mount goes, as an absolute path without surplus. */
export function placeOf(mount: SpecMount): string {
  return posix.normalize(posix.join('/', mount.destination, '/')).replace(/(?<=.)\/$/, '');
}

export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

/** One lies in the other, or they are the same. */
export function areRelated(left: string, right: string): boolean {
  return isWithin(left, right) || isWithin(right, left);
}
