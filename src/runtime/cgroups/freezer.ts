import { readControl, writeControl } from './files.ts';
import { until } from './patience.ts';
import type { Place } from './types.ts';
import { refuseResource } from './writes.ts';

export function isFrozen(place: Place | null): boolean {
  if (place === null) return false;
  if (place.version === 2) return /^frozen 1$/m.test(readControl(place.directory, 'cgroup.events') ?? '');
  return readControl(place.directory, 'freezer.state') === 'FROZEN';
}

export async function setFrozen(place: Place | null, frozen: boolean, path: string): Promise<void> {
  if (place === null) throw refuseResource('freezer', 'this host has no freezer');
  const write = (): void => {
    if (place.version === 2) writeControl(place.directory, 'cgroup.freeze', frozen ? '1' : '0');
    else writeControl(place.directory, 'freezer.state', frozen ? 'FROZEN' : 'THAWED');
  };
  write();
  const settled = (): boolean =>
    place.version === 1 && !frozen ? readControl(place.directory, 'freezer.state') === 'THAWED' : isFrozen(place) === frozen;
  await until(settled, `cgroup ${path} did not ${frozen ? 'freeze' : 'thaw'}`, (attempt) => {
    if (place.version === 2 || !frozen) return;
    // v1 can miss a task that was being forked; thawing for a moment lets it be caught (cgroup-v1/freezer-subsystem.rst, FREEZING).
    if (attempt % 25 === 24) writeControl(place.directory, 'freezer.state', 'THAWED');
    write();
  });
}
