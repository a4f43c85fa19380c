import { readControl, writeControl } from './files.ts';
import { until } from './patience.ts';
import type { Place } from './types.ts';
import { refuseResource } from './writes.ts';

/** The kernel freezes only what it could end. */
const whyNot = 'a process in it waits for a disk, or for a file system that does not answer';

export function isFrozen(place: Place | null): boolean {
  if (place === null) return false;
  if (place.version === 2) return /^frozen 1$/m.test(readControl(place.directory, 'cgroup.events') ?? '');
  return readControl(place.directory, 'freezer.state') === 'FROZEN';
}

export async function setFrozen(place: Place | null, frozen: boolean, path: string): Promise<void> {
  if (place === null) throw refuseResource('freezer', 'this host has no freezer');
  const set = (wanted: boolean): void => {
    if (place.version === 2) writeControl(place.directory, 'cgroup.freeze', wanted ? '1' : '0');
    else writeControl(place.directory, 'freezer.state', wanted ? 'FROZEN' : 'THAWED');
  };
  const settled = (): boolean =>
    place.version === 1 && !frozen ? readControl(place.directory, 'freezer.state') === 'THAWED' : isFrozen(place) === frozen;
  const again = (attempt: number): void => {
    if (place.version === 2 || !frozen) return;
    // v1 can miss a task that was being forked; thawing for a moment lets it be caught (cgroup-v1/freezer-subsystem.rst, FREEZING).
    if (attempt % 25 === 24) set(false);
    set(true);
  };
  set(frozen);
  try {
    await until(settled, frozen ? `cgroup ${path} did not freeze: ${whyNot}` : `cgroup ${path} did not thaw`, again);
  } catch (error) {
    // Most of it would stay frozen, and nobody would know.
    if (frozen) set(false);
    throw error;
  }
}
