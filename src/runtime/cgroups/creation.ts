import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#errors';
import { inheritedCpusetFiles } from './cpuset.ts';
import { errnoOf, readControl, writeControl } from './files.ts';
import type { CgroupHierarchy, CgroupLayout } from './types.ts';

/** Makes each level that is missing; returns what it made, outermost first. */
export function makeDirectories(layout: CgroupLayout, hierarchy: CgroupHierarchy, path: string): string[] {
  const made: string[] = [];
  let directory = hierarchy.mountPoint;
  for (const part of path.split('/')) {
    // "No internal processes": a controller must be handed down at each level above the leaf (cgroup-v2.rst).
    if (hierarchy.version === 2) handDownControllers(directory, layout.unifiedControllers);
    const parent = directory;
    directory = join(directory, part);
    if (makeDirectory(directory)) made.push(directory);
    if (hierarchy.controllers.includes('cpuset')) inheritCpuset(parent, directory);
  }
  return made;
}

function makeDirectory(directory: string): boolean {
  try {
    mkdirSync(directory, 0o755);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw errnoOf(error, 'mkdir', directory);
  }
}

function handDownControllers(directory: string, controllers: readonly string[]): void {
  const enabled = new Set((readControl(directory, 'cgroup.subtree_control') ?? '').split(' '));
  for (const controller of controllers) {
    if (enabled.has(controller)) continue;
    try {
      writeControl(directory, 'cgroup.subtree_control', `+${controller}`);
    } catch (error) {
      // Not available here (ENOENT), or held by processes in this cgroup (EBUSY): a limit that needs it is refused by name when it is applied.
      if (!isErrno(error, 'ENOENT', 'EBUSY', 'EINVAL', 'EOPNOTSUPP')) throw error;
    }
  }
}

function inheritCpuset(parent: string, directory: string): void {
  for (const file of inheritedCpusetFiles) {
    if (readControl(directory, file) === '') writeControl(directory, file, readControl(parent, file) ?? '');
  }
}
