import type { SpecMount } from '#oci';
import type { ContainerRecord } from '../container/record.ts';

/** What lxcfs(1) answers for each container on its own: files of the kernel's that tell of the whole host otherwise. Of processors the list of those that are there is all that differs. */
export const reports = [
  ...['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'slabinfo', 'stat', 'swaps', 'uptime'].map((name) => `/proc/${name}`),
  '/sys/devices/system/cpu/online',
];

/** Whether a container is to see its limits in them: `if-possible` leaves it with the host's where there is no lxcfs. Pure. */
export function wantsReports({ kind, request }: Pick<ContainerRecord, 'kind' | 'request'>): 'yes' | 'no' | 'if-possible' {
  const asked = request.settings?.['limits.visible'];
  if (asked !== undefined) return asked === 'true' ? 'yes' : 'no';
  return kind === 'system' ? 'if-possible' : 'no';
}

/** Where they go; they come as descriptors. Pure. */
export function reportMounts(places: Iterable<string>): SpecMount[] {
  return [...places].map((place) => ({ destination: place, type: 'bind', source: place, options: ['bind'] }));
}

/** Places of a container's reports that another lxcfs than the one on `device` (major:minor) answers for: one that is gone. Pure. */
export function staleReports(
  mounts: readonly { readonly mountPoint: string; readonly fstype: string; readonly major: number; readonly minor: number }[],
  device: string | null,
): string[] {
  return mounts
    .filter(({ fstype, mountPoint }) => fstype === 'fuse.lxcfs' && reports.includes(mountPoint))
    .filter(({ major, minor }) => `${major}:${minor}` !== device)
    .map(({ mountPoint }) => mountPoint);
}
