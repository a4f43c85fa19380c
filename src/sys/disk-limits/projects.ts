import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import type { Addon } from '../addon.ts';
import * as k from '../constants.ts';

/** Ids from here on are ours to choose from: those that people give by hand are small. */
const firstProject = 0x4000_0000;
const projectCount = 0x4000_0000;
/** With a thousand million ids, more than one try is a rarity. */
const mostTries = 1000;

/** Whether the file system of `directory` counts and enforces what projects take: ext4 and xfs that are mounted with `prjquota` (ext4(5), xfs(5)). */
export function enforcesProjects(addon: Addon, directory: string): boolean {
  return withDescriptor(addon, directory, (descriptor) => {
    try {
      const { accounted, enforced } = addon.projectQuotaState(descriptor);
      return accounted && enforced;
    } catch (error) {
      if (isErrno(error, 'ENOSYS', 'EINVAL', 'ESRCH', 'EOPNOTSUPP', 'EPERM', 'ENOTBLK')) return false;
      throw error;
    }
  });
}

/**
 * An id that nobody uses on the file system of `directory`: nothing counts for it, it has no limit, and /etc/projid and /etc/projects do not name it. It is taken by marking a
 * directory with it, in the same turn of the event loop. Fails with resource-exhausted `SYS_NO_PROJECT`.
 */
export function findProject(addon: Addon, directory: string, seed: string): number {
  const named = namedProjects();
  const start = createHash('sha256').update(seed).digest().readUInt32BE(0) % projectCount;
  const found = withDescriptor(addon, directory, (descriptor) => {
    for (let step = 0; step < mostTries; step++) {
      const id = firstProject + ((start + step) % projectCount);
      if (named.has(id)) continue;
      const { limited, usedBytes, usedInodes } = addon.getProjectQuota(descriptor, id);
      if (!limited && usedBytes === 0 && usedInodes === 0) return id;
    }
    return null;
  });
  if (found !== null) return found;
  throw new OrlopError('resource-exhausted', 'SYS_NO_PROJECT', `no project id is free on the file system of ${directory}`);
}

/** What projid(5) and projects(5) name; the latter begins its lines with the id, the former ends them with it. */
export function parseProjects(projid: string, projects: string): Set<number> {
  const ids = [...projid.split('\n').map((line) => line.split(':')[1]), ...projects.split('\n').map((line) => line.split(':')[0])];
  return new Set(ids.filter((id) => id !== undefined && /^\d+$/.test(id.trim())).map(Number));
}

function namedProjects(): Set<number> {
  return parseProjects(readOptional('/etc/projid'), readOptional('/etc/projects'));
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  }
}

/** The project of ours that a directory counts for; null: none, or somebody else's. */
export function projectOf(addon: Addon, directory: string): number | null {
  return withDescriptor(addon, directory, (descriptor) => {
    try {
      const id = addon.getProject(descriptor);
      return id >= firstProject && id < firstProject + projectCount ? id : null;
    } catch (error) {
      if (isErrno(error, 'ENOTTY', 'EOPNOTSUPP', 'EINVAL')) return null;
      throw error;
    }
  });
}

/** From now on an empty directory, and what is made in it, counts for the project. */
export function markDirectory(addon: Addon, directory: string, project: number): void {
  withDescriptor(addon, directory, (descriptor) => addon.setProject(descriptor, project, true));
}

/** Does `work` with a descriptor of the directory. */
export function withDescriptor<T>(addon: Addon, directory: string, work: (descriptor: number) => T): T {
  const descriptor = addon.openat2(k.AT_FDCWD, directory, k.O_RDONLY | k.O_DIRECTORY | k.O_NOFOLLOW, 0, 0);
  try {
    return work(descriptor);
  } finally {
    addon.close(descriptor);
  }
}
