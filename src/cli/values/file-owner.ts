import type { FileOwner } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';
import { parseMode } from './file-places.ts';

/** `--uid`, `--gid`, `--mode`: what was said of them. */
export function readFileOwner(args: Arguments): FileOwner {
  const mode = parseMode(args.text('mode'));
  const ids = (['uid', 'gid'] as const).flatMap((name) => {
    const id = args.integer(name);
    if (id === undefined) return [];
    if (id < 0 || id > 2 ** 32 - 2) throw usageError(`--${name} must be a number of 0 or more, as it is in the container`);
    return [[name, id] as const];
  });
  return { ...Object.fromEntries(ids), ...(mode === undefined ? {} : { mode }) };
}
