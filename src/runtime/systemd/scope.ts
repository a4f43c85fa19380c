import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { openCgroup } from '../cgroups/cgroup.ts';
import { makeDirectories } from '../cgroups/creation.ts';
import { readControl, writeControl } from '../cgroups/files.ts';
import type { Cgroup, CgroupLayout } from '../cgroups/types.ts';
import { planAnnotatedProperties } from './annotations.ts';
import { parseDeviceGroups } from './devices.ts';
import { openUnitManager } from './manager.ts';
import { planLimits, planScope, type UnitFacts } from './properties.ts';
import type { ScopeName } from './slices.ts';

export interface ScopeRequest {
  /** The container's. */
  readonly id: string;
  readonly name: ScopeName;
  /** Its first process, in our process namespace. */
  readonly pid: number;
  readonly resources: LinuxResources;
  readonly annotations: Readonly<Record<string, string>>;
}

/** failed-precondition `RUNTIME_NO_SYSTEMD` unless this host runs systemd (sd_booted(3)). */
export function requireSystemd(): void {
  if (existsSync('/run/systemd/system')) return;
  throw new OrlopError(
    'failed-precondition',
    'RUNTIME_NO_SYSTEMD',
    'systemd not running on this host, cannot use systemd cgroups manager',
    { hint: 'leave --systemd-cgroup out: cgroups are then made directly' },
  );
}

/**
 * Has systemd make a scope around the process, with what limits it knows, puts the process into the hierarchies that systemd leaves alone, and writes all limits to
 * the cgroup. On failure the process is dead and nothing is left.
 */
export async function startScope(layout: CgroupLayout, { id, name, pid, resources, annotations }: ScopeRequest): Promise<Cgroup> {
  using units = await openUnitManager();
  const facts = factsOf(layout, units.version);
  await units.startTransient(name.unit, [
    ...planScope({ id, slice: name.slice, pid, cgroups: facts.cgroups }),
    ...planAnnotatedProperties(annotations),
    ...planLimits(resources, facts),
  ]);
  const cgroup = openCgroup(layout, name.cgroupPath);
  try {
    for (const hierarchy of layout.hierarchies) {
      makeDirectories(layout, hierarchy, name.cgroupPath);
      enter(join(hierarchy.mountPoint, name.cgroupPath), pid);
    }
    // All of them once more: systemd rounds some, and knows no property for others.
    cgroup.apply({ ...resources, devices: resources.devices ?? [] });
    return cgroup;
  } catch (error) {
    await cgroup.killAll();
    await units.stop(name.unit);
    await cgroup.remove();
    throw error;
  }
}

/** Tells systemd of other limits, before they are written to the cgroup. */
export async function updateScope(cgroup: Cgroup, unit: string, resources: LinuxResources): Promise<void> {
  using units = await openUnitManager();
  const facts = factsOf(cgroup.layout, units.version);
  // A list of devices of v1 is emptied before it is filled again: nobody may run meanwhile and be denied what is always allowed.
  const stopped = facts.cgroups === 'v1' && (resources.devices ?? []).length > 0 && !cgroup.isFrozen();
  if (stopped) await cgroup.freeze();
  try {
    await units.setProperties(unit, planLimits(resources, facts));
    if (stopped) cgroup.apply({ devices: resources.devices ?? [] });
  } finally {
    if (stopped) await cgroup.thaw();
  }
}

/** Ends the scope and forgets it; what it still holds is told to end by systemd. A scope that is gone is fine. */
export async function stopScope(unit: string): Promise<void> {
  using units = await openUnitManager();
  await units.stop(unit);
}

function enter(directory: string, pid: number): void {
  const members = (readControl(directory, 'cgroup.procs') ?? '').split('\n');
  if (!members.includes(String(pid))) writeControl(directory, 'cgroup.procs', String(pid));
}

function factsOf(layout: CgroupLayout, version: number): UnitFacts {
  const groups = parseDeviceGroups(readFileSync('/proc/devices', 'utf8'));
  return {
    cgroups: layout.mode === 'v2' ? 'v2' : 'v1',
    version,
    devices: { groupOf: (type, major) => groups.get(`${type} ${major}`), isThere: existsSync },
  };
}
