import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dockerConfigPath } from '#registry';
import { parseDetachKeys } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { type Io, write } from '../io.ts';

/**
 * As typed, else what Docker's configuration file says (`detachKeys`), checked before anything is made; '' for the usual ones. The file counts only where somebody types, and
 * one that cannot be read is said and passed over, as Docker's command line does.
 */
export async function readDetachKeys(args: Arguments, io: Io): Promise<string> {
  const keys = args.text('detach-keys') ?? (io.stdin.isTTY ? await configuredKeys(io) : '');
  parseDetachKeys(keys);
  return keys;
}

async function configuredKeys({ env, stderr }: Io): Promise<string> {
  const path = dockerConfigPath(env, env['HOME'] ?? homedir());
  const text = await readFile(path, 'utf8').catch(() => '{}');
  try {
    const { detachKeys } = JSON.parse(text) as { detachKeys?: unknown };
    return typeof detachKeys === 'string' ? detachKeys : '';
  } catch {
    await write(stderr, `WARNING: ${path} is no JSON: its detachKeys are not known\n`);
    return '';
  }
}
