import { readFile } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import { usageError } from '../arguments/usage-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `--env-file` first, then `--env`, so that the latter wins. A bare name takes the value of our own environment, and is left out when it has none. */
export async function readEnvironment(files: readonly string[], entries: readonly string[], own: Environment): Promise<string[]> {
  const nameless = entries.find((entry) => entry === '' || entry.startsWith('='));
  if (nameless !== undefined)
    throw usageError(`invalid argument ${JSON.stringify(nameless)} for "-e, --env" flag: invalid environment variable: ${nameless}`);
  const lines: string[] = [];
  for (const file of files) lines.push(...parseEnvironmentFile(await readText(file), file));
  return [...lines, ...entries].flatMap((entry) => resolveEntry(entry, own));
}

/** Lines `NAME=value` or `NAME`; empty lines and those that start with # are skipped; nothing is unquoted, as with Docker. */
export function parseEnvironmentFile(text: string, file: string, what: 'variable' | 'label' = 'variable'): string[] {
  const entries: string[] = [];
  for (const [at, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const name = line.split('=')[0] ?? '';
    if (name === '' || /\s/.test(name)) {
      const message = `${file} line ${at + 1}: ${name === '' ? `no ${what} name` : `${what} '${name}' contains whitespaces`}`;
      throw new OrlopError('invalid-argument', 'CLI_BAD_ENV_FILE', message, { hint: 'write NAME=value' });
    }
    entries.push(line);
  }
  return entries;
}

function resolveEntry(entry: string, own: Environment): string[] {
  if (entry.includes('=')) return [entry];
  const value = own[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

/** A file that the user named; a sentence instead of an errno when it cannot be read. */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const missing = isErrno(cause, 'ENOENT');
    throw new OrlopError(
      missing ? 'not-found' : 'failed-precondition',
      'CLI_UNREADABLE_FILE',
      `cannot read ${path}: ${missing ? 'no such file' : String((cause as NodeJS.ErrnoException).code)}`,
      { cause },
    );
  }
}
