import { dirname, basename, join } from 'node:path';
import { isErrno, OrlopError } from '#errors';
import { replaceFile } from '../state/record.ts';

/** Written whole or not at all. Fails with failed-precondition `RUNTIME_PID_FILE`, naming the file as runc does. */
export function writePidFile(path: string, pid: number): void {
  try {
    replaceFile(path, String(pid));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'EROFS')) throw error;
    const reason = isErrno(error, 'ENOENT') ? 'no such file or directory' : 'permission denied';
    const message = `open ${join(dirname(path), `.${basename(path)}`)}: ${reason}`;
    throw new OrlopError('failed-precondition', 'RUNTIME_PID_FILE', message, { cause: error });
  }
}
