import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { isErrno, OrlopError } from '#errors';
import { type IgnoreMatcher, parseIgnoreFile } from '#ignore';
import type { OfferedContext, OfferedFile } from '#wire';

/** The ignore file of a context: one of the Dockerfile's own comes first. null: nothing is ignored. */
export async function readIgnoreFile(directory: string, dockerfile: string | null): Promise<IgnoreMatcher | null> {
  const files = [...(dockerfile === null ? [] : [`${dockerfile}.dockerignore`]), join(directory, '.dockerignore')];
  for (const file of files) {
    const found = await readIfThere(file);
    if (found !== null) return parseIgnoreFile(found);
  }
  return null;
}

/** null: there is no such file. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** Fails with Docker's words when the context is no directory. */
export async function requireDirectory(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (cause) {
    throw new OrlopError('not-found', 'CLIENT_NO_CONTEXT', `unable to prepare context: path ${JSON.stringify(path)} not found`, { cause });
  }
  throw new OrlopError('invalid-argument', 'CLIENT_NO_CONTEXT', `unable to prepare context: ${JSON.stringify(path)} is not a directory`, {
    hint: 'name the directory, and the Dockerfile with -f',
  });
}

interface Walking {
  readonly top: string;
  readonly matcher: IgnoreMatcher | null;
  /** Nanoseconds; what changed later may change again without another time. */
  readonly settledNs: bigint;
}

interface Walked extends OfferedFile {
  /** The same for all names of a file that has several; else empty. */
  readonly inode: string;
}

/** What of a directory is not ignored, in order of names. A directory that is ignored but for something in it is not named itself. */
function* walk(walking: Walking, path = ''): Generator<Walked> {
  const { top, matcher } = walking;
  const entries = readdirSync(join(top, path), { withFileTypes: true });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    const ignored = matcher?.excludes(inner) ?? false;
    const walked = ignored || entry.isSocket() ? null : lookAt(walking, inner);
    if (walked !== null) yield walked;
    if (entry.isDirectory() && (!ignored || matcher?.mayContain(inner) === true)) yield* walk(walking, inner);
  }
}

/** null: it is not there any more. */
function lookAt({ top, settledNs }: Walking, path: string): Walked | null {
  const facts = lstatSync(join(top, path), { bigint: true, throwIfNoEntry: false });
  if (facts === undefined) return null;
  const { dev, ino, mode, size, nlink, mtimeNs, ctimeNs } = facts;
  // A change of anything, of attributes too, is a change of ctime (inode(7)).
  const stamp = ctimeNs > settledNs ? '' : [dev, ino, mode, size, mtimeNs, ctimeNs].map((value) => value.toString(36)).join('.');
  return { path, stamp, inode: nlink > 1n && facts.isFile() ? `${dev}.${ino}` : '' };
}

/** File systems count time by the microsecond or by two seconds. */
const coarsestNs = 2_000_000_000n;

/**
 * A directory as a build context: what is not ignored is told, then sent as far as it is wanted, as a tar by the host's GNU tar. Read at the receiver's pace, so a context of any size takes
 * no more memory than its list of names.
 */
export function offerContext(directory: string, matcher: IgnoreMatcher | null): OfferedContext {
  const files: Walked[] = [];
  return {
    key: keyOf(directory),
    name: resolve(directory),
    async *list() {
      const settledNs = BigInt(Date.now()) * 1_000_000n - coarsestNs;
      for (const file of walk({ top: directory, matcher, settledNs })) {
        files.push(file);
        yield file;
      }
    },
    take: (wanted) => packFiles(directory, withOtherNames(files, wanted)),
  };
}

/** A directory at its place on its machine. */
function keyOf(directory: string): string {
  const { dev, ino } = statSync(directory, { bigint: true });
  return JSON.stringify([hostname(), realpathSync(directory), String(dev), String(ino)]);
}

/** Names of one file are sent together, so that they stay one. */
function withOtherNames(files: readonly Walked[], wanted: readonly number[]): string[] {
  const inodes = new Set(wanted.map((at) => files[at]?.inode).filter((inode) => inode !== ''));
  if (inodes.size === 0) return wanted.map((at) => files[at]?.path ?? '');
  const chosen = new Set(wanted);
  return files.filter(({ inode }, at) => chosen.has(at) || inodes.has(inode)).map(({ path }) => path);
}

/** A file's capabilities and its owner's attributes; what the host's security modules and file systems say of it is the host's. */
const attributes = ['--xattrs', '--xattrs-include=user.*', '--xattrs-include=security.capability'];

async function* packFiles(directory: string, paths: readonly string[]): AsyncGenerator<Buffer> {
  if (paths.length === 0) return;
  const options = ['--format=pax', '--pax-option=delete=atime,delete=ctime', '--owner=0', '--group=0', '--numeric-owner', ...attributes];
  const child = spawn('tar', [...options, '-C', directory, '--no-recursion', '--null', '--verbatim-files-from', '-T', '-', '-cf', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // It says why when it ends.
  child.stdin.on('error', () => undefined);
  const said = readAll(child.stderr);
  const closed = once(child, 'close');
  closed.catch(() => undefined);
  const feeding = feed(child.stdin, paths);
  feeding.catch(() => child.kill('SIGKILL'));
  try {
    for await (const piece of child.stdout) yield piece as Buffer;
    await feeding;
    const [code] = (await closed.catch((cause: unknown) => {
      throw noTar(cause);
    })) as [number | null];
    // 1: a file changed while it was read.
    if (code !== 0 && code !== 1)
      throw new OrlopError(
        'failed-precondition',
        'CLIENT_TAR_FAILED',
        `the context cannot be read: ${(await said).trim().split('\n')[0] ?? ''}`,
      );
  } finally {
    child.kill('SIGKILL');
  }
}

async function feed(input: NodeJS.WritableStream, paths: readonly string[]): Promise<void> {
  for (const path of paths) if (!input.write(`./${path}\0`)) await once(input, 'drain');
  input.end();
}

function noTar(cause: unknown): unknown {
  if (!isErrno(cause, 'ENOENT')) return cause;
  return new OrlopError('failed-precondition', 'CLIENT_NO_TAR', 'sending a context needs the program tar, which is not installed', {
    hint: 'install GNU tar',
    cause,
  });
}
