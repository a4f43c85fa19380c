import { readFileSync } from 'node:fs';
import { isErrno, OrlopError } from '#errors';
import { parseSettings, type RegistrySettings } from '#registry';

const defaultFile = '/etc/orlop/registries.json';

/** Nothing is set when the default file is missing; one that was asked for has to be there. Invalid-argument for a file that makes no sense. */
export function readRegistrySettings(file: string | null): RegistrySettings {
  const path = file ?? defaultFile;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (file === null && isErrno(error, 'ENOENT')) return {};
    throw new OrlopError('failed-precondition', 'ORLOPD_REGISTRIES', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return parseSettings(text);
  } catch (error) {
    throw new OrlopError('invalid-argument', 'ORLOPD_REGISTRIES', `${path}: ${(error as Error).message}`, { cause: error });
  }
}
