import type { LinuxResources } from '#oci';
import type { CgroupWrite } from './writes.ts';

/** pids.max is the same file in both versions. 0 means "not set", as runc reads it; negative means no limit. */
export function planPids(pids: NonNullable<LinuxResources['pids']>): CgroupWrite[] {
  const limit = pids.limit;
  if (limit === undefined || limit === 0) return [];
  return [{ controller: 'pids', file: 'pids.max', value: limit < 0 ? 'max' : String(limit), about: 'linux.resources.pids.limit' }];
}
