import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxResources } from '#oci';
import { childCgroups } from './files.ts';
import { hierarchyOf } from './layout.ts';
import type { CgroupController, CgroupLayout } from './types.ts';

/** Limits that some kernels lack, by their names in runtime-spec. */
export type ScarceLimit =
  | Extract<keyof NonNullable<LinuxResources['memory']>, 'swap' | 'swappiness' | 'disableOOMKiller'>
  | Extract<keyof NonNullable<LinuxResources['cpu']>, 'realtimeRuntime'>
  | Exclude<keyof NonNullable<LinuxResources['blockIO']>, 'leafWeight'>;

/** Files of v1 and of v2, any of which will do. v2 has none for some limits. */
const files: Readonly<Record<ScarceLimit, readonly [controller: CgroupController, v1: readonly string[], v2: readonly string[]]>> = {
  swap: ['memory', ['memory.memsw.limit_in_bytes'], ['memory.swap.max']],
  swappiness: ['memory', ['memory.swappiness'], []],
  disableOOMKiller: ['memory', ['memory.oom_control'], []],
  realtimeRuntime: ['cpu', ['cpu.rt_runtime_us'], []],
  weight: ['blkio', ['blkio.weight', 'blkio.bfq.weight'], ['io.bfq.weight', 'io.weight']],
  weightDevice: ['blkio', ['blkio.weight_device', 'blkio.bfq.weight_device'], ['io.bfq.weight', 'io.weight']],
  throttleReadBpsDevice: ['blkio', ['blkio.throttle.read_bps_device'], ['io.max']],
  throttleWriteBpsDevice: ['blkio', ['blkio.throttle.write_bps_device'], ['io.max']],
  throttleReadIOPSDevice: ['blkio', ['blkio.throttle.read_iops_device'], ['io.max']],
  throttleWriteIOPSDevice: ['blkio', ['blkio.throttle.write_iops_device'], ['io.max']],
};

/** Whether cgroups of this host have that limit, as far as the cgroups tell that are there now: a hierarchy's root lacks files that those below it have. */
export function supportsLimit(layout: CgroupLayout, limit: ScarceLimit): boolean {
  const [controller, v1, v2] = files[limit];
  const hierarchy = hierarchyOf(layout, controller);
  if (hierarchy === null) return false;
  const wanted = hierarchy.version === 1 ? v1 : v2;
  if (wanted.length === 0) return false;
  const { mountPoint } = hierarchy;
  const places = ['', ...childCgroups(mountPoint)].map((name) => join(mountPoint, name));
  // On a host where nothing runs there is nobody to ask: the start will tell.
  return places.length === 1 || places.some((place) => wanted.some((file) => existsSync(join(place, file))));
}
