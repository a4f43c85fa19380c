import { OrlopError } from '#errors';

export interface VersionWindow {
  /** `1.24` */
  readonly oldest: string;
  readonly newest: string;
}

export interface Target {
  /** Decoded, without the version. */
  readonly path: string;
  readonly search: URLSearchParams;
  readonly apiVersion: string;
  /** Why the target cannot be served. */
  readonly problem?: OrlopError;
}

/** Splits a request target: `/v1.51/containers/json?all=1`. The version is optional; outside the window it is Docker's 400. */
export function parseTarget(url: string, versions: VersionWindow): Target {
  const mark = url.indexOf('?');
  const raw = mark < 0 ? url : url.slice(0, mark);
  const search = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const versioned = /^\/v(\d{1,4}\.\d{1,4})(\/.*)$/s.exec(raw);
  const apiVersion = versioned?.[1] ?? versions.newest;
  const problem = versionProblem(apiVersion, versions);
  const encoded = versioned?.[2] ?? raw;
  try {
    const path = decodeURIComponent(encoded);
    return problem === undefined ? { path, search, apiVersion } : { path, search, apiVersion, problem };
  } catch {
    return {
      path: encoded,
      search,
      apiVersion,
      problem: new OrlopError('invalid-argument', 'HTTP_BAD_PATH', `the path ${encoded} is badly encoded`),
    };
  }
}

/** Negative: a is older than b. Versions are compared by number, `1.9` before `1.24`. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}

function versionProblem(version: string, { oldest, newest }: VersionWindow): OrlopError | undefined {
  if (compareVersions(version, newest) > 0) {
    return new OrlopError(
      'invalid-argument',
      'HTTP_CLIENT_TOO_NEW',
      `client version ${version} is too new. Maximum supported API version is ${newest}`,
    );
  }
  if (compareVersions(version, oldest) < 0) {
    const message = `client version ${version} is too old. Minimum supported API version is ${oldest}, please upgrade your client to a newer version`;
    return new OrlopError('invalid-argument', 'HTTP_CLIENT_TOO_OLD', message);
  }
  return undefined;
}
