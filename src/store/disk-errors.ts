import { statfsSync } from 'node:fs';
import { OrlopError, isErrno } from '#errors';

/**
 * Gives an error of writing `what` (`layer sha256:1234`) the store's shape: a full disk or quota becomes resource-exhausted
 * `STORE_DISK_FULL` naming what was written and where. Other errors pass as they are.
 */
export function diskError(error: unknown, what: string, directory: string): unknown {
  if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) return error;
  return new OrlopError('resource-exhausted', 'STORE_DISK_FULL', `no space left for ${what} in ${directory}${freeSpace(directory)}`, {
    hint: 'free some space there, or remove what is not needed: orlop system prune',
    cause: error,
  });
}

function freeSpace(directory: string): string {
  try {
    const { bavail, bsize, ffree } = statfsSync(directory);
    return ` (${Math.floor((bavail * bsize) / 1024)} KiB and ${ffree} inodes free)`;
  } catch {
    // The sentence is good enough without.
    return '';
  }
}
