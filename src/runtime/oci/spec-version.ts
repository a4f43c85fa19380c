import type { LinuxResources } from '#oci';

/** The runtime-spec that this runtime follows: its newest fields are understood or refused by name. */
export const specVersion = '1.3.0';

/**
 * A limit of no processes. Up to runtime-spec 1.2 it was taken for none at all, and engines of that time ask for no limit so; from 1.3 on it is a limit like others
 * (config-linux, "PIDs"), and as the container's own process counts, that is one.
 */
export function readProcessLimit(resources: LinuxResources, version: string): LinuxResources {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return resources.pids?.limit !== 0 || major < 1 || minor < 3 ? resources : { ...resources, pids: { limit: 1 } };
}
