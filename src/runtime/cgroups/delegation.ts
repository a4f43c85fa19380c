import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { errnoOf } from './files.ts';
import type { CgroupLayout } from './types.ts';

/** The kernel's own list of what a delegatee may own (/sys/kernel/cgroup/delegate), in the cgroup2 hierarchy only. */
export function delegate(layout: CgroupLayout, path: string, uid: number, gid: number): void {
  if (layout.unified === null) {
    throw new OrlopError(
      'failed-precondition',
      'RUNTIME_NO_CGROUP2',
      `cgroup ${path} cannot be delegated: cgroup2 is not mounted on this host`,
      {
        hint: 'mount it, for example on /sys/fs/cgroup/unified',
      },
    );
  }
  const directory = join(layout.unified, path);
  chownSync(directory, uid, gid);
  for (const file of delegatedFiles()) chownIfThere(join(directory, file), uid, gid);
}

function delegatedFiles(): string[] {
  try {
    return readFileSync('/sys/kernel/cgroup/delegate', 'utf8').split('\n').filter(Boolean);
  } catch {
    return ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'];
  }
}

function chownIfThere(path: string, uid: number, gid: number): void {
  try {
    chownSync(path, uid, gid);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw errnoOf(error, 'chown', path);
  }
}
