import { join } from 'node:path';
import { OrlopError } from '#errors';
import { makeDirectories } from './creation.ts';
import { delegate } from './delegation.ts';
import { isFrozen, setFrozen } from './freezer.ts';
import { hierarchyOf } from './layout.ts';
import { collectPids, killAll } from './membership.ts';
import { removeCgroups, removeQuietly } from './removal.ts';
import { applyResources } from './resources.ts';
import { readOutOfMemoryKills, readStats } from './stats.ts';
import type { Cgroup, CgroupController, CgroupLayout, Place } from './types.ts';

/**
 * Makes `path` in every hierarchy, with its parents, ready to take processes. A path that exists already is fine when it is empty of
 * processes and not frozen; otherwise `already-exists` or `failed-precondition`. On failure what was made is removed.
 */
export function createCgroup(layout: CgroupLayout, path: string): Cgroup {
  const cgroup = openCgroup(layout, path);
  const made: string[] = [];
  try {
    for (const hierarchy of layout.hierarchies) made.push(...makeDirectories(layout, hierarchy, cgroup.path));
    const isNew = layout.hierarchies.every(({ mountPoint }) => made.includes(join(mountPoint, cgroup.path)));
    refuseOccupied(cgroup, isNew);
  } catch (error) {
    for (const directory of made.reverse()) removeQuietly(directory);
    throw error;
  }
  return cgroup;
}

/** Whoever is born in a frozen cgroup never gets to be a container. What was made just now holds nobody, but is as frozen as its parent. */
function refuseOccupied(cgroup: Cgroup, isNew: boolean): void {
  const count = isNew ? 0 : cgroup.pids().length;
  if (count > 0)
    throw new OrlopError('already-exists', 'RUNTIME_CGROUP_IN_USE', `cgroup ${cgroup.path} already holds processes`, {
      hint: 'choose another cgroup path or end the processes',
      details: { count },
    });
  if (cgroup.isFrozen())
    throw new OrlopError('failed-precondition', 'RUNTIME_CGROUP_FROZEN', `cgroup ${cgroup.path} is frozen`, {
      hint: 'thaw it or choose another cgroup path',
    });
}

/** A handle on a cgroup that exists, or existed: every method bears its absence. `invalid-argument` when the path leaves the hierarchy. */
export function openCgroup(layout: CgroupLayout, path: string): Cgroup {
  const relative = checkPath(path);
  const directories = layout.hierarchies.map((hierarchy) => join(hierarchy.mountPoint, relative));
  const placeOf = (controller: CgroupController): Place | null => {
    const hierarchy = hierarchyOf(layout, controller);
    return hierarchy === null ? null : { directory: join(hierarchy.mountPoint, relative), version: hierarchy.version };
  };
  // Where membership is read: cgroup2 when there is one (an init may move its children about below it), else v1's pids or the first.
  const unifiedDirectory = layout.unified === null ? null : join(layout.unified, relative);
  const home = unifiedDirectory ?? placeOf('pids')?.directory ?? directories[0] ?? '';
  return {
    layout,
    path: relative,
    procsFiles: directories.map((directory) => join(directory, 'cgroup.procs')),
    taskFiles: layout.hierarchies.filter(({ version }) => version === 1).map(({ mountPoint }) => join(mountPoint, relative, 'tasks')),
    directoryOf: (controller) => placeOf(controller)?.directory ?? null,
    unifiedDirectory,
    apply: (resources) => applyResources(resources, relative, layout, placeOf),
    pids: () => collectPids(home),
    stats: () => readStats(placeOf, unifiedDirectory === null ? null : { directory: unifiedDirectory, version: 2 }),
    outOfMemoryKills: () => readOutOfMemoryKills(placeOf),
    freeze: () => setFrozen(placeOf('freezer'), true, relative),
    thaw: () => setFrozen(placeOf('freezer'), false, relative),
    isFrozen: () => isFrozen(placeOf('freezer')),
    killAll: () => killAll(home, placeOf('freezer'), relative),
    remove: () => removeCgroups(directories, relative),
    delegate: (uid, gid) => delegate(layout, relative, uid, gid),
  };
}

function checkPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..') || path.includes('\0')) {
    throw new OrlopError(
      'invalid-argument',
      'RUNTIME_CGROUP_PATH',
      `cgroup path ${JSON.stringify(path)} does not name a cgroup below the root`,
    );
  }
  return parts.join('/');
}
