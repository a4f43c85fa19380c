import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseGitUrl } from '#build';
import { isErrno, OrlopError } from '#errors';

/** A place in a repository, as Docker writes it: `URL#ref:directory`, or with a query. */
export interface GitPlace {
  readonly url: string;
  /** Branch, tag or commit; empty: the default branch. */
  readonly ref: string;
  /** Relative; empty: all of it. */
  readonly directory: string;
  /** Submodules are fetched, too. */
  readonly submodules: boolean;
  /** What the commit's name begins with, where that is wanted. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
}

/** null: this is no address of a repository. */
export function parseGitPlace(text: string): GitPlace | null {
  const found = parseGitUrl(ofGitHub(text).replace(/\.git\/(?=[?#]|$)/, '.git'));
  if (found === undefined) return null;
  const { remote: url, ref = '', subdir: directory = '', submodules = true, checksum, keepGitDir } = found;
  return {
    url,
    ref,
    directory,
    submodules,
    ...(checksum === undefined ? {} : { checksum }),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
  };
}

/** Docker's clients take repositories there without a scheme. */
function ofGitHub(text: string): string {
  if (!text.startsWith('github.com/')) return text;
  const end = text.search(/[?#]|$/);
  return `https://${text.slice(0, end).replace(/(?:\.git)?\/?$/, '.git')}${text.slice(end)}`;
}

export interface CheckoutOptions {
  readonly keepGitDir: boolean;
  readonly signal: AbortSignal;
}

/**
 * Fetches one commit of a repository into an empty directory, with its submodules; answers the commit. By the host's git: failed-precondition `BUILD_NO_GIT` without it, unavailable
 * `BUILD_GIT_FAILED` with git's own words, data-loss `BUILD_WRONG_CHECKSUM` for another commit than is wanted.
 */
export async function checkOut(place: GitPlace, directory: string, { keepGitDir, signal }: CheckoutOptions): Promise<string> {
  // A name that begins so would be an option.
  if (place.ref.startsWith('-') || place.url.startsWith('-')) throw failed(place, 'such a name is no branch, tag or commit');
  const git = (...args: string[]): Promise<string> => runGit(place, directory, args, signal);
  await git('init', '--quiet');
  await git('remote', 'add', 'origin', place.url);
  const wanted = place.ref === '' ? 'HEAD' : place.ref;
  try {
    await git('fetch', '--quiet', '--depth', '1', 'origin', wanted);
    await git('checkout', '--quiet', 'FETCH_HEAD');
  } catch (error) {
    if (signal.aborted) throw error;
    // Plain files on a web server cannot give a part of the history.
    if (/shallow/.test(String(error))) {
      await git('fetch', '--quiet', 'origin', wanted);
      await git('checkout', '--quiet', 'FETCH_HEAD');
    } else await fetchByCommit(git, wanted, error);
  }
  if (place.submodules && existsSync(join(directory, '.gitmodules')))
    await git('submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1');
  const commit = (await git('rev-parse', 'HEAD')).trim();
  if (place.checksum !== undefined && !commit.startsWith(place.checksum))
    throw wrongChecksum(withoutPassword(place.url), place.checksum, commit);
  if (!keepGitDir) await rm(join(directory, '.git'), { recursive: true, force: true });
  return commit;
}

/** Not every server gives out a commit by its name alone: then all branches are fetched. */
async function fetchByCommit(git: (...args: string[]) => Promise<string>, wanted: string, error: unknown): Promise<void> {
  if (!/^[0-9a-f]{7,64}$/.test(wanted)) throw error;
  await git('fetch', '--quiet', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*');
  await git('checkout', '--quiet', wanted);
}

/** Only ways to reach a repository that are transports: `ext::` and files of the host are none. */
const environment = { GIT_TERMINAL_PROMPT: '0', GIT_ALLOW_PROTOCOL: 'http:https:ssh:git', GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' };

function runGit(place: GitPlace, directory: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const { PATH = '/usr/local/bin:/usr/bin:/bin', HOME = '/root', SSH_AUTH_SOCK } = process.env;
    const env = { ...environment, PATH, HOME, ...(SSH_AUTH_SOCK === undefined ? {} : { SSH_AUTH_SOCK }) };
    execFile('git', [...args], { cwd: directory, env, signal, maxBuffer: 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (isErrno(error, 'ENOENT')) reject(noGit());
      else reject(failed(place, stderr.trim().split('\n').at(-1) ?? error.message));
    });
  });
}

function failed({ url, ref }: GitPlace, why: string): OrlopError {
  const what = ref === '' ? '' : `${ref} of `;
  return new OrlopError('unavailable', 'BUILD_GIT_FAILED', `failed to fetch ${what}${withoutPassword(url)}: ${why}`);
}

/** In BuildKit's words. */
export function wrongChecksum(url: string, wanted: string, found: string): OrlopError {
  return new OrlopError('data-loss', 'BUILD_WRONG_CHECKSUM', `digest mismatch for ${url}: it has ${found}, expected: ${wanted}`);
}

function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/)[^@/]*@/, '$1');
}

function noGit(): OrlopError {
  return new OrlopError('failed-precondition', 'BUILD_NO_GIT', 'a Git repository is needed, and this machine has no git', {
    hint: 'install it: apt-get install git',
  });
}
