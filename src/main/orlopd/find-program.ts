import { accessSync, constants } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { isErrno } from '#errors';

/** Where a program of the host's lies, null when it is not installed: services get short search paths, so its usual homes are looked at as well. */
export function findProgram(name: string, searchPath = process.env['PATH'] ?? ''): string | null {
  const directories = [...searchPath.split(':'), '/usr/local/sbin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  for (const directory of directories.filter(isAbsolute)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EACCES', 'ENOTDIR')) throw error;
    }
  }
  return null;
}
