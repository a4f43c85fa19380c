import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isErrno, OrlopError } from '#errors';

const mainNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = ['compose.override.yml', 'compose.override.yaml', 'docker-compose.override.yml', 'docker-compose.override.yaml'];
/** No file that people write is longer. */
const longestFile = 16 * 1024 * 1024;

/** The files to load from, absolute: those given, or the first of the usual names in `directory` or one above it, with its override. not-found `COMPOSE_NO_PROJECT_FILE`. */
export async function findFiles(
  given: readonly string[],
  workingDirectory: string,
  directory: string,
  onWarning: (text: string) => void,
): Promise<string[]> {
  if (given.length > 0) return given.map((path) => (path === '-' ? path : placeOf(path, workingDirectory)));
  for (let at = resolve(workingDirectory, directory); ; at = dirname(at)) {
    const [main, ...others] = await presentOf(at, mainNames);
    if (main !== undefined) {
      const [override, ...overrides] = await presentOf(at, overrideNames);
      if (others.length > 0) warnOfSeveral([main, ...others], 'config', onWarning);
      if (override !== undefined && overrides.length > 0) warnOfSeveral([override, ...overrides], 'override', onWarning);
      return override === undefined ? [main] : [main, override];
    }
    if (dirname(at) === at) break;
  }
  throw new OrlopError('not-found', 'COMPOSE_NO_PROJECT_FILE', 'no configuration file provided: not found', {
    hint: `write a ${mainNames[0] ?? ''} here, or name one with -f`,
  });
}

/** A Compose file's path, absolute. unimplemented `COMPOSE_REMOTE` for one that is no file here. */
export function placeOf(path: string, directory: string): string {
  if (/^(?:[a-z][a-z+]*:\/\/|git@)/.test(path))
    throw new OrlopError('unimplemented', 'COMPOSE_REMOTE', `${path}: Compose files are not fetched from elsewhere`, {
      hint: 'get it with git clone or curl, and name the file',
    });
  return resolve(directory, path);
}

async function presentOf(directory: string, names: readonly string[]): Promise<string[]> {
  const paths = names.map((name) => join(directory, name));
  const present = await Promise.all(paths.map(isFile));
  return paths.filter((_path, index) => present[index]);
}

function warnOfSeveral(paths: readonly string[], kind: string, onWarning: (text: string) => void): void {
  onWarning(`Found multiple ${kind} files with supported names: ${paths.join(', ')}`);
  onWarning(`Using ${paths[0] ?? ''}`);
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A file's text. not-found that names it. */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > longestFile) throw new OrlopError('invalid-argument', 'COMPOSE_FILE_TOO_LONG', `${path} is too long`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new OrlopError('not-found', 'COMPOSE_NO_FILE', `no such file: ${path}`, { cause: error });
    throw error;
  }
}
