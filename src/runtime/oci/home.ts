import { closeSync, constants, openSync } from 'node:fs';
import type { Process } from '#oci';
import type { Addon } from '#sys';
import { findHome } from '../users.ts';

/** As runc: a process without HOME gets its user's, from the container's own /etc/passwd below `root` (a host path). */
export function withHome(addon: Addon, process: Process, root: string): Process {
  if ((process.env ?? []).some((entry) => entry.startsWith('HOME='))) return process;
  const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return { ...process, env: [...(process.env ?? []), `HOME=${findHome(addon, descriptor, process.user?.uid ?? 0)}`] };
  } finally {
    closeSync(descriptor);
  }
}
