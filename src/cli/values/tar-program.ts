import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { isErrno, OrlopError } from '#errors';

/** The host's GNU tar reads and writes this machine's files: it knows all their kinds, and keeps hostile archives in their directory. */
const program = 'tar';

/** Whose files are said to be in a tar, instead of who has them here. */
export interface PackedOwner {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** A tar of `name` in `directory`, called `as` in it; its content only where `as` is null. */
export async function* packHere(directory: string, name: string, as: string | null, owner: PackedOwner = {}): AsyncGenerator<Buffer> {
  const [place, what] = as === null ? [`${directory}/${name}`, '.'] : [directory, `./${name}`];
  const rename = as === null ? [] : ['--transform', renaming(`./${name}`, as)];
  const owners = [
    ...(owner.uid === undefined ? [] : [`--owner=:${owner.uid}`]),
    ...(owner.gid === undefined ? [] : [`--group=:${owner.gid}`]),
  ];
  yield* pack([...owners, '-C', place, '-cf', '-', ...rename, '--', what]);
}

/** A tar of these names in a directory, as nobody's own. */
export function packNames(directory: string, names: readonly string[]): AsyncGenerator<Buffer> {
  return pack(['--owner=0', '--group=0', '--numeric-owner', '-C', directory, '-cf', '-', '--', ...names]);
}

async function* pack(words: readonly string[]): AsyncGenerator<Buffer> {
  const form = ['--format=pax', '--pax-option=delete=atime,delete=ctime'];
  const child = spawn(program, [...form, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = outcomeOf(child);
  try {
    for await (const piece of child.stdout) yield piece as Buffer;
    await ended;
  } finally {
    child.kill('SIGKILL');
    ended.catch(() => undefined);
  }
}

/** Unpacks a tar into a directory here; its top, called `from`, becomes `as`. */
export async function unpackHere(
  archive: AsyncIterable<Uint8Array>,
  directory: string,
  options: { from: string; as: string | null; owners: boolean },
): Promise<void> {
  const rename = options.as === null || options.as === options.from ? [] : ['--transform', renaming(options.from, options.as)];
  const owners = options.owners ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner'];
  const child = spawn(program, ['-C', directory, '-xpf', '-', '--no-overwrite-dir', ...owners, ...rename], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = outcomeOf(child);
  // It says why when it ends.
  child.stdin.on('error', () => undefined);
  try {
    for await (const piece of archive) {
      if (child.stdin.destroyed) break;
      if (!child.stdin.write(piece)) await Promise.race([once(child.stdin, 'drain'), ended]);
    }
    child.stdin.end();
    await ended;
  } catch (error) {
    child.kill('SIGKILL');
    ended.catch(() => undefined);
    throw error;
  }
}

/** A sed expression for names of members and targets of hard links, not of symbolic ones. */
function renaming(from: string, to: string): string {
  const pattern = from.replaceAll(/[.[\]*^$\\,]/g, String.raw`\$&`);
  const replacement = to.replaceAll(/[\\&,]/g, String.raw`\$&`);
  return `flags=rSh;s,^${pattern}\\(/\\|$\\),${replacement}\\1,`;
}

/** Files that change while they are read are no failure (1). */
async function outcomeOf(child: ReturnType<typeof spawn>): Promise<void> {
  const said = child.stderr === null ? Promise.resolve('') : text(child.stderr);
  const [code] = (await once(child, 'close').catch((cause: unknown) => {
    throw isErrno(cause, 'ENOENT')
      ? new OrlopError('failed-precondition', 'CLI_NO_TAR', 'copying needs the program tar, which is not installed', {
          hint: 'install GNU tar',
          cause,
        })
      : cause;
  })) as [number | null];
  if (code === 0 || code === 1) return;
  const reason =
    (await said)
      .trim()
      .split('\n')[0]
      ?.replace(/^tar: /, '') ?? '';
  throw new OrlopError('failed-precondition', 'CLI_TAR_FAILED', reason === '' ? 'tar was ended by a signal' : reason);
}
