import { type Dirent, closeSync, openSync, readFileSync, readdirSync, writeSync, constants } from 'node:fs';
import { join } from 'node:path';
import { ErrnoError, isErrno } from '#errors';

/** Text of a control file without its last newline; null when the file or the cgroup is not there (or goes away while read). */
export function readControl(directory: string, file: string): string | null {
  try {
    return readFileSync(join(directory, file), 'utf8').trimEnd();
  } catch (error) {
    const known = errnoOf(error, 'read', join(directory, file));
    if (isErrno(known, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return null;
    throw known;
  }
}

/** One write(2), as control files want. Fails with ErrnoError. */
export function writeControl(directory: string, file: string, value: string): void {
  const path = join(directory, file);
  try {
    const descriptor = openSync(path, constants.O_WRONLY);
    try {
      writeSync(descriptor, value);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw errnoOf(error, 'write', path);
  }
}

/** Names of the cgroups directly below; none when it is gone. */
export function childCgroups(directory: string): string[] {
  return entriesOf(directory)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Names of its control files; none when it is gone. */
export function controlFiles(directory: string): string[] {
  return entriesOf(directory)
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw errnoOf(error, 'readdir', directory);
  }
}

/** `key value` lines, as in memory.stat and cpu.stat. What is not a number is left out. */
export function parseKeyed(text: string | null): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of (text ?? '').split('\n')) {
    const [key, value] = line.split(' ');
    if (key !== undefined && value !== undefined && /^\d+$/.test(value)) values[key] = Number(value);
  }
  return values;
}

/** A limit or counter: null for `max` and for v1's "no limit", a multiple of the page size near 2^63. */
export function parseAmount(text: string | null): number | null {
  if (text === null || !/^\d+$/.test(text)) return null;
  const amount = Number(text);
  return amount >= 2 ** 62 ? null : amount;
}

export function errnoOf(error: unknown, syscall: string, path: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof ErrnoError || typeof code !== 'string') return error as Error;
  // Node's name for the same number.
  return new ErrnoError({ errno: code === 'ENOTSUP' ? 'EOPNOTSUPP' : code, syscall, path }, { cause: error });
}
