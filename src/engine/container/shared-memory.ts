import { isErrno, OrlopError } from '#errors';
import { openNamespace } from '#sys';
import type { EngineContext } from '../context.ts';
import type { LiveContainer } from './table.ts';

/** statfs(2) */
const TMPFS_MAGIC = 0x0102_1994;

/** What a running container has as its /dev/shm, as a detached mount for one that shares its IPC namespace. The caller closes it. */
export function openSharedMemory({ addon }: EngineContext, donor: LiveContainer): number {
  const { pid, name } = { ...donor.record.state, name: donor.record.name };
  const namespace = openNamespace(pid, 'mnt');
  try {
    const mount = addon.openTreeInside(namespace, '/dev/shm');
    if (addon.statfs(`/proc/self/fd/${mount}`).type === TMPFS_MAGIC) return mount;
    addon.close(mount);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EINVAL')) throw error;
  } finally {
    addon.close(namespace);
  }
  throw new OrlopError('failed-precondition', 'ENGINE_NO_SHARED_MEMORY', `container ${name} has no /dev/shm that could be shared`, {
    hint: 'start it anew, or leave out --ipc',
  });
}
