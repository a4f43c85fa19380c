import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';

/** What a container has changed in its image; with snapshots, since one of them, or from one to the other. */
export const diff: Verb = async ({ args, io, client }) => {
  const [ref = '', from, to] = args.positionals;
  const { archives, snapshots } = await client();
  const changes =
    from === undefined
      ? await archives.changes(ref)
      : (await snapshots.changes(ref, from, to)).map(({ kind, path }) => ({ Path: path, Kind: kinds.indexOf(kind) }));
  if (args.flag('json')) {
    await printJson(io, changes);
    return exitCodes.ok;
  }
  await write(io.stdout, changes.map(({ Kind: kind, Path: path }) => `${kinds[kind] ?? '?'} ${path}\n`).join(''));
  return exitCodes.ok;
};

/** By Docker's numbers. */
const kinds = ['C', 'A', 'D'];
