import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { isErrno, OrlopError } from '#errors';
import { type IgnoreMatcher, parseIgnoreFile } from '#ignore';

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

/** What of a directory is not ignored, in order: `./a/b`. A directory that is ignored but for something in it is not named itself. */
async function* walk(top: string, matcher: IgnoreMatcher | null, path = ''): AsyncGenerator<string> {
  const entries = await readdir(join(top, path), { withFileTypes: true });
  entries.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const entry of entries) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    const ignored = matcher?.excludes(inner) ?? false;
    if (!ignored && !entry.isSocket()) yield `./${inner}`;
    if (entry.isDirectory() && (!ignored || matcher?.mayContain(inner) === true)) yield* walk(top, matcher, inner);
  }
}

/** A file's capabilities and its owner's attributes; what the host's security modules and file systems say of it is the host's. */
const attributes = ['--xattrs', '--xattrs-include=user.*', '--xattrs-include=security.capability'];

/**
 * A directory as a build context: a tar by the host's GNU tar of what is not ignored, in order of names. Read at the receiver's pace, so a context of any size
 * takes no more memory than its list of names.
 */
export async function* packContext(directory: string, matcher: IgnoreMatcher | null): AsyncGenerator<Buffer> {
  const options = ['--format=pax', '--pax-option=delete=atime,delete=ctime', '--owner=0', '--group=0', '--numeric-owner', ...attributes];
  const child = spawn('tar', [...options, '-C', directory, '--no-recursion', '--null', '--verbatim-files-from', '-T', '-', '-cf', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // It says why when it ends.
  child.stdin.on('error', () => undefined);
  const said = readAll(child.stderr);
  const closed = once(child, 'close');
  closed.catch(() => undefined);
  const feeding = feed(child.stdin, walk(directory, matcher));
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

async function feed(input: NodeJS.WritableStream, names: AsyncIterable<string>): Promise<void> {
  for await (const name of names) if (!input.write(`${name}\0`)) await once(input, 'drain');
  input.end();
}

function noTar(cause: unknown): unknown {
  if (!isErrno(cause, 'ENOENT')) return cause;
  return new OrlopError('failed-precondition', 'CLIENT_NO_TAR', 'sending a context needs the program tar, which is not installed', {
    hint: 'install GNU tar',
    cause,
  });
}
