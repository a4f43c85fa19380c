import { writeFile } from 'node:fs';
import { join } from 'node:path';
import { readProcessCgroups } from '#sys';
import type { CgroupLayout } from './types.ts';

/**
 * Moving a process between v1 cgroups makes the kernel wait for an RCU grace period (8 to 20 ms) unless somebody has just done it. So we "move" ourselves to
 * where we are, in a thread, while other things are done: it changes nothing, and the real moves that follow share its wait. With cgroup2
 * alone processes are born in their cgroup and nothing needs to be moved.
 */
export function startCgroupWait(layout: CgroupLayout): void {
  const hierarchy = layout.hierarchies.find(({ controllers }) => controllers.includes('pids'));
  const own = hierarchy === undefined ? undefined : readProcessCgroups('self').get(hierarchy.controllers.join(','));
  if (layout.mode === 'v2' || hierarchy === undefined || own === undefined) return;
  // Only a head start: where it is not permitted, the moves wait for themselves.
  writeFile(join(hierarchy.mountPoint, own, 'cgroup.procs'), '0', { flag: 'r+' }, () => {});
}
