import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectCgroupLayout } from '../cgroups/layout.ts';

/** What containers could leave behind that tells of `mark`: mounts, cgroups, and processes below us or named so. */
export function findLeaks(mark: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(mark));
  const cgroups = detectCgroupLayout().hierarchies.flatMap(({ mountPoint }) =>
    readdirSync(mountPoint)
      .filter((name) => name.includes(mark))
      .map((name) => join(mountPoint, name)),
  );
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    // A zombie only waits for whoever is its parent by now.
    .filter((pid) => !/\) [ZX] /.test(readQuietly(`/proc/${pid}/stat`)))
    .flatMap((pid) => (readQuietly(`/proc/${pid}/cgroup`).includes(mark) ? [`process ${pid}`] : []));
  return [...mounts, ...cgroups, ...processes];
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
