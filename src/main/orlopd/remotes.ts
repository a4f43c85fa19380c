import { readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { defaultRemotes, parseRemotes, type Remotes } from '#image';

const defaultFile = '/etc/orlop/remotes.json';

/** The default remotes when the default file is missing; one that was asked for has to be there. Invalid-argument for a file that makes no sense. */
export function readRemotes(file: string | null): Remotes {
  const path = file ?? defaultFile;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (file === null && isErrno(error, 'ENOENT')) return defaultRemotes;
    throw new OrlopError('failed-precondition', 'ORLOPD_REMOTES', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return parseRemotes(text);
  } catch (error) {
    throw new OrlopError('invalid-argument', 'ORLOPD_REMOTES', `${path}: ${(error as Error).message}`, { cause: error });
  }
}
