import { readFile } from 'node:fs/promises';
import { isErrno } from '#errors';
import { canonicalSetting } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';

/** `key=value` words; a key that is none, or a value that cannot be, fails before the engine is asked. */
export function parseSettings(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at <= 0) throw usageError(`invalid setting ${JSON.stringify(word)}: write key=value`);
      const [name, text] = [word.slice(0, at), word.slice(at + 1)];
      canonicalSetting(name, text);
      return [name, text];
    }),
  );
}

/** `--set`, `--on-demand`, and the files of public keys of `--ssh-key`, which add to `ssh.keys`; undefined for none. */
export async function readSettings(args: Arguments): Promise<Record<string, string> | undefined> {
  const settings = parseSettings(args.list('set'));
  for (const word of args.list('ssh-key')) {
    const [, user, file = ''] = /^(?:([a-z_][a-z0-9_.-]*)=)?(.+)$/is.exec(word) ?? [];
    const name = user === undefined ? 'ssh.keys' : `ssh.keys.${user}`;
    const keys = canonicalSetting(name, await readKeys(file));
    settings[name] = settings[name] === undefined ? keys : `${settings[name]}\n${keys}`;
  }
  if (args.flag('on-demand')) settings['boot.on-demand'] = 'true';
  return Object.keys(settings).length === 0 ? undefined : settings;
}

async function readKeys(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES'))
      throw usageError(`--ssh-key: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    throw error;
  }
}
