import { posix } from 'node:path';
import * as k from '#sys';
import type { Op } from '#sys';
import type { CgroupHierarchy } from '../cgroups/types.ts';
import type { MountOptions } from '#sys';
import { type MountFacts, type PlannedMounts, planAttributes } from './mount-facts.ts';
import { refuseField } from './refuse.ts';

/**
 * runtime-spec's mount type `cgroup`: the container's own part of whatever the host has. With cgroup2 alone that is one mount; with v1 a tmpfs that
 * holds one mount a hierarchy, with the links that co-mounted controllers need (`cpu` -> `cpu,cpuacct`).
 */
export function planCgroupMount(target: string, options: MountOptions, facts: MountFacts, at: string): PlannedMounts {
  if (facts.cgroups === null || (!facts.ownCgroupNamespace && facts.cgroupPath === null)) {
    throw refuseField(`${at}.type`, '"cgroup" needs a cgroup of the container', 'set linux.cgroupsPath, or a new cgroup namespace');
  }
  const { hierarchies, mode } = facts.cgroups;
  if (mode === 'v2') return { mounting: planHierarchy(hierarchies[0], target, options, facts), sealing: [] };
  const seal = options.own.set & k.MOUNT_ATTR_RDONLY;
  const base: Op = {
    op: 'mount',
    fstype: 'tmpfs',
    source: 'tmpfs',
    options: ['mode=755'],
    attributes: options.own.set & ~k.MOUNT_ATTR_RDONLY,
    target,
    make: 1,
  };
  const v1 = hierarchies.filter((hierarchy) => hierarchy.version === 1);
  return {
    mounting: [
      base,
      ...v1.flatMap((hierarchy) => [
        ...planHierarchy(hierarchy, posix.join(target, nameOf(hierarchy)), options, facts),
        ...planLinks(hierarchy, target),
      ]),
    ],
    sealing: planAttributes(target, { set: seal, clear: 0 }, false),
  };
}

function nameOf(hierarchy: CgroupHierarchy): string {
  return posix.basename(hierarchy.mountPoint);
}

function planHierarchy(hierarchy: CgroupHierarchy | undefined, target: string, options: MountOptions, facts: MountFacts): Op[] {
  if (hierarchy === undefined) return [];
  if (facts.ownCgroupNamespace) {
    const fstype = hierarchy.version === 2 ? 'cgroup2' : 'cgroup';
    const data = hierarchy.version === 2 ? options.data : hierarchy.controllers;
    const source = hierarchy.controllers.some((name) => name.startsWith('name=')) ? nameOf(hierarchy) : 'cgroup';
    return [{ op: 'mount', fstype, source, options: data, attributes: options.own.set, target, make: 1 }];
  }
  const source = posix.join(hierarchy.mountPoint, facts.cgroupPath ?? '');
  return [{ op: 'bind', source, target, recursive: 1, make: 1 }, ...planAttributes(target, options.own, false)];
}

function planLinks(hierarchy: CgroupHierarchy, target: string): Op[] {
  const name = nameOf(hierarchy);
  return hierarchy.controllers
    .filter((controller) => controller !== name && !controller.startsWith('name='))
    .map((controller) => ({
      op: 'make_symlink',
      target: posix.join(target, controller),
      to: name,
    }));
}
