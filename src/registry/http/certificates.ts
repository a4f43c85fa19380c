import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { isErrno, OrlopError } from '#errors';

/** What TLS is given for one host. */
export interface Certificates {
  readonly ca?: string[];
  readonly cert?: string[];
  readonly key?: string[];
}

/**
 * Docker's `certs.d`: each `*.crt` is a CA that is trusted beside the system's, each `NAME.cert` a client certificate whose key is `NAME.key`.
 * Failed-precondition `REGISTRY_BAD_CERTIFICATES` when one of a pair is missing or a file cannot be read.
 */
export function readCertificates(directories: readonly string[], host: string): Certificates {
  for (const directory of directories) {
    const names = listFiles(join(directory, host));
    if (names !== null) return readPairs(join(directory, host), names);
  }
  return {};
}

function listFiles(path: string): string[] | null {
  try {
    return readdirSync(path).toSorted();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw unreadable(path, error);
  }
}

function readPairs(directory: string, names: readonly string[]): Certificates {
  const ending = (suffix: string): string[] => names.filter((name) => name.endsWith(suffix));
  for (const [suffix, other] of [
    ['.cert', '.key'],
    ['.key', '.cert'],
  ] as const) {
    for (const name of ending(suffix)) {
      const partner = `${name.slice(0, -suffix.length)}${other}`;
      if (!names.includes(partner)) throw unreadable(join(directory, partner), 'it is missing');
    }
  }
  const read = (name: string): string => readText(join(directory, name));
  const own = ending('.crt').map(read);
  const client = ending('.cert');
  return {
    // `ca` replaces what Node trusts by itself.
    ...(own.length === 0 ? {} : { ca: [...rootCertificates, ...own] }),
    ...(client.length === 0 ? {} : { cert: client.map(read), key: client.map((name) => read(`${name.slice(0, -'.cert'.length)}.key`)) }),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, why: unknown): OrlopError {
  const text = why instanceof Error ? why.message : String(why);
  return new OrlopError('failed-precondition', 'REGISTRY_BAD_CERTIFICATES', `cannot use the certificates of ${path}: ${text}`);
}
