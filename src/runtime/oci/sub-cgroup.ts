import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OrlopError } from '#errors';
import type { Cgroup, CgroupController } from '../cgroups/types.ts';

/**
 * The cgroup of an exec: the container's, or what `--cgroup [<controller>[,…]:]<path>` names below it. The path must exist. Fails with invalid-argument
 * `RUNTIME_SUB_CGROUP`, in runc's words.
 */
export function findSubCgroup(cgroup: Cgroup, asked: readonly string[]): Cgroup {
  if (asked.length === 0) return cgroup;
  const wishes = parseWishes(asked);
  const everywhere = wishes.get('');
  const under = (directory: string, path: string): string => {
    const place = join(directory, path);
    if (place !== directory && !place.startsWith(`${directory}/`))
      throw refused(`unable to create new parent process: bad sub cgroup path: ${path} is not a sub cgroup path`);
    return place.replace(/\/$/, '');
  };
  const moved = new Map<string, string>();
  for (const [controller, path] of wishes) {
    if (controller === '') continue;
    const directory = cgroup.layout.mode === 'v2' ? null : cgroup.directoryOf(controller as CgroupController);
    if (directory === null) throw refused(`unable to create new parent process: unknown controller ${controller} in SubCgroupPaths`);
    moved.set(directory, under(directory, path));
  }
  const place = (directory: string): string =>
    everywhere === undefined ? (moved.get(directory) ?? directory) : under(directory, everywhere);
  const taskFiles = cgroup.taskFiles.map((file) => join(place(dirname(file)), 'tasks'));
  // On a hybrid host the cgroup2 tree is there for tracking only, and nobody makes parts of it by hand.
  const unifiedDirectory =
    cgroup.unifiedDirectory === null || cgroup.layout.mode === 'hybrid' ? cgroup.unifiedDirectory : place(cgroup.unifiedDirectory);
  for (const file of [
    ...taskFiles.map((task) => join(dirname(task), 'cgroup.procs')),
    ...(unifiedDirectory === null ? [] : [join(unifiedDirectory, 'cgroup.procs')]),
  ])
    if (!existsSync(file)) throw missing(file);
  return { ...cgroup, taskFiles, unifiedDirectory };
}

function parseWishes(asked: readonly string[]): Map<string, string> {
  const wishes = new Map<string, string>();
  for (const text of asked) {
    const [first = '', second, ...more] = text.split(':');
    if (more.length > 0) throw refused(`invalid --cgroup argument: ${text}`);
    if (second === undefined && asked.length > 1) throw refused(`invalid --cgroup argument: ${text} (missing <controller>: prefix)`);
    if (second === undefined) wishes.set('', first);
    else for (const controller of first.split(',')) wishes.set(controller, second);
  }
  return wishes;
}

function refused(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_SUB_CGROUP', message);
}

function missing(file: string): OrlopError {
  const message = `unable to start container process: error adding pid ${process.pid} to cgroups: openat2 ${file}: no such file or directory`;
  return new OrlopError('not-found', 'RUNTIME_SUB_CGROUP', message);
}
