import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { childCgroups, errnoOf } from './files.ts';
import { until } from './patience.ts';

/** Removes each directory with all cgroups below it; a process that has just died may hold one for a moment. */
export async function removeCgroups(directories: readonly string[], path: string): Promise<void> {
  let busy: unknown;
  const gone = (): boolean => {
    busy = undefined;
    for (const directory of directories) {
      try {
        removeTree(directory);
      } catch (error) {
        if (!isErrno(error, 'EBUSY', 'ENOTEMPTY')) throw error;
        busy = error;
      }
    }
    return busy === undefined;
  };
  try {
    await until(gone, `cgroup ${path} is still in use`);
  } catch (error) {
    throw new OrlopError('conflict', 'RUNTIME_CGROUP_BUSY', `cgroup ${path} cannot be removed: it still holds processes`, {
      cause: busy ?? error,
    });
  }
}

/** Few have children, and looking for them costs more than the removal. */
function removeTree(directory: string): void {
  try {
    remove(directory);
  } catch (error) {
    const children = isErrno(error, 'EBUSY') ? childCgroups(directory) : [];
    if (children.length === 0) throw error;
    for (const child of children) removeTree(join(directory, child));
    remove(directory);
  }
}

function remove(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw errnoOf(error, 'rmdir', directory);
  }
}

export function removeQuietly(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Undoing after a failure that is about to be thrown: someone else may use the parent by now.
  }
}
