import { isErrno } from '#errors';
import { openCgroup } from '#runtime';
import { abortFuseConnections, readMountinfo, type Mount } from '#sys';
import type { EngineContext } from '../context.ts';
import type { LiveContainer } from './table.ts';

/**
 * Ends the file systems in user space that the container's own processes serve. What waits for one that does not answer cannot be killed, not even when it is the server itself; after this it
 * can. The host's own that are mounted in the container stay. For a container that has been killed, or is to be.
 */
export function abortOwnFuse(context: EngineContext, { record }: Pick<LiveContainer, 'record'>): void {
  const { run, name } = record;
  if (run === null) return;
  const range = run.idRange;
  const minors = mountedInside(context, run.cgroup);
  const aborted = abortFuseConnections(
    context.addon,
    ({ minor, uid }) => minors.has(minor) || (range !== null && uid >= range.first && uid < range.first + range.count),
  );
  if (aborted > 0) context.logger.warn('file systems of a container that answered nobody were ended', { container: name, aborted });
}

/** The minor numbers of those that are mounted there and not on the host. */
function mountedInside(context: EngineContext, cgroup: string): Set<number> {
  const outside = new Set([...fuseMounts('self'), ...fuseMounts(1)].map(({ minor }) => minor));
  const inside = openCgroup(context.cgroups, cgroup).pids().flatMap(fuseMounts);
  return new Set(inside.map(({ minor }) => minor).filter((minor) => !outside.has(minor)));
}

/** None of a process that ends or has ended. */
function fuseMounts(pid: number | 'self'): Mount[] {
  try {
    return readMountinfo(pid).filter(({ fstype, major }) => /^fuse(\.|$)/.test(fstype) && major === 0);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL', 'EACCES')) return [];
    throw error;
  }
}
