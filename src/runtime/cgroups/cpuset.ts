import type { LinuxResources } from '#oci';
import type { CgroupWrite } from './writes.ts';

/** cpuset.cpus and cpuset.mems are the same files in both versions. */
export function planCpuset(cpu: NonNullable<LinuxResources['cpu']>): CgroupWrite[] {
  const write = (file: string, value: string | undefined, name: string): CgroupWrite[] =>
    value === undefined || value === '' ? [] : [{ controller: 'cpuset', file, value, about: `linux.resources.cpu.${name}` }];
  return [...write('cpuset.cpus', cpu.cpus, 'cpus'), ...write('cpuset.mems', cpu.mems, 'mems')];
}

/**
 * A fresh v1 cpuset is empty and admits no process: it takes its parent's processors and memory nodes (cpusets(7)). Each level is
 * given, so that the nearest ancestor with a value fills the ones below it.
 */
export const inheritedCpusetFiles = ['cpuset.cpus', 'cpuset.mems'] as const;
