import { readFileSync } from 'node:fs';
import { OrlopError } from '#errors';
import { canLoadDevicePrograms } from './device-attachment.ts';
import { readControl } from './files.ts';
import type { CgroupController, CgroupHierarchy, CgroupLayout } from './types.ts';

/**
 * How this host mounts cgroups, from /proc/self/mountinfo and the cgroup2 root's cgroup.controllers. `failed-precondition` when no cgroup
 * hierarchy is mounted.
 */
export function detectCgroupLayout(): CgroupLayout {
  const layout = parseCgroupLayout(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    (mountPoint) => readControl(mountPoint, 'cgroup.controllers') ?? '',
  );
  if (layout.hierarchies.length > 0) return withDevicePrograms(layout);
  throw new OrlopError('failed-precondition', 'RUNTIME_NO_CGROUPS', 'no cgroup hierarchy is mounted on this host', {
    hint: 'mount cgroup2 on /sys/fs/cgroup',
  });
}

/** Asks the kernel when somebody asks us: most commands never do. */
function withDevicePrograms(layout: CgroupLayout): CgroupLayout {
  let answer: boolean | undefined;
  return {
    ...layout,
    get devicePrograms() {
      return (answer ??= hierarchyOf(layout, 'devices')?.version === 2 && canLoadDevicePrograms());
    },
  };
}

/** proc_pid_mountinfo(5): a hierarchy mounted twice counts once, where it is mounted under /sys/fs/cgroup or else first. */
export function parseCgroupLayout(mountinfo: string, readControllers: (mountPoint: string) => string): CgroupLayout {
  const found = new Map<string, CgroupHierarchy>();
  for (const line of mountinfo.split('\n')) {
    const hierarchy = line.includes(' - cgroup') ? parseLine(line) : null;
    if (hierarchy === null) continue;
    const key = hierarchy.version === 2 ? 'cgroup2' : hierarchy.controllers.join(',');
    const known = found.get(key);
    if (known === undefined || (!isUsual(known) && isUsual(hierarchy))) found.set(key, hierarchy);
  }
  const unified = found.get('cgroup2') ?? null;
  const v1 = [...found.values()].filter((hierarchy) => hierarchy.version === 1);
  return {
    mode: unified === null ? 'v1' : v1.length === 0 ? 'v2' : 'hybrid',
    hierarchies: unified === null ? v1 : [...v1, unified],
    unified: unified?.mountPoint ?? null,
    unifiedControllers: unified === null ? [] : readControllers(unified.mountPoint).split(' ').filter(Boolean),
  };
}

/** The hierarchy that has this controller: v1's own, else cgroup2 when it offers it. v2 calls block I/O `io` and counts CPU time with `cpu`. */
export function hierarchyOf(layout: CgroupLayout, controller: CgroupController): CgroupHierarchy | null {
  const own = layout.hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller));
  if (own !== undefined) return own;
  const unified = layout.hierarchies.find((hierarchy) => hierarchy.version === 2);
  if (unified === undefined) return null;
  // Freezing and device programs are part of cgroup2 itself, without a controller.
  if (controller === 'freezer' || controller === 'devices') return unified;
  const name = controller === 'blkio' ? 'io' : controller === 'cpuacct' ? 'cpu' : controller;
  return layout.unifiedControllers.includes(name) ? unified : null;
}

function parseLine(line: string): CgroupHierarchy | null {
  const [before, after] = line.split(' - ', 2);
  const mountPoint = before?.split(' ')[4];
  const [type, , superOptions = ''] = after?.split(' ') ?? [];
  if (mountPoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return null;
  const path = mountPoint.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  if (type === 'cgroup2') return { mountPoint: path, controllers: [], version: 2 };
  const ordinary = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'cpuset_v2_mode', 'favordynmods']);
  const controllers = superOptions.split(',').filter((option) => !ordinary.has(option) && !option.startsWith('release_agent='));
  return { mountPoint: path, controllers, version: 1 };
}

function isUsual(hierarchy: CgroupHierarchy): boolean {
  return hierarchy.mountPoint.startsWith('/sys/fs/cgroup');
}
