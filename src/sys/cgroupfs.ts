import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '#errors';
import { toErrnoError, withErrno } from './errno.ts';

/** The contents of a control file without the last newline. Fails with ErrnoError: ENOENT when the controller is not there, ENODEV when the group has gone. */
export function readCgroupFile(directory: string, file: string): string {
  const path = join(directory, file);
  return withErrno(path, () => readFileSync(path, 'utf8')).replace(/\n$/, '');
}

/**
 * Writes a control file with one write(2): the kernel takes each write as one command. An existing file only. Fails with ErrnoError naming the file,
 * `EINVAL` when the kernel refuses the value, `EBUSY` when the group's state forbids it.
 */
export function writeCgroupFile(directory: string, file: string, value: string): void {
  const path = join(directory, file);
  withErrno(path, () => {
    const descriptor = openSync(path, 'w');
    try {
      writeSync(descriptor, value);
    } finally {
      closeSync(descriptor);
    }
  });
}

export function makeCgroup(directory: string): void {
  withErrno(directory, () => mkdirSync(directory, { recursive: true, mode: 0o755 }));
}

/** Removes an empty group. False when it still has members or children (EBUSY); true also when there was none. */
export function removeCgroup(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    if (isErrno(error, 'EBUSY', 'ENOTEMPTY')) return false;
    throw toErrnoError(error);
  }
}

/** Names of the groups directly below; empty when the group has gone. */
export function childCgroups(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw toErrnoError(error);
  }
}

/** Processes in exactly this group; empty when it has gone. A pid of 0 is a process of another pid namespace. */
export function cgroupProcesses(directory: string): number[] {
  try {
    return readCgroupFile(directory, 'cgroup.procs')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

/** A control file of "key value" lines, such as memory.stat or cgroup.events. Lines that are not so are left out. */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [key, value, ...rest] = line.split(' ');
    if (key === undefined || value === undefined || rest.length > 0 || !/^-?[0-9]+$/.test(value)) continue;
    values.set(key, Number(value));
  }
  return values;
}
