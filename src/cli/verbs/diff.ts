import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';

export const diff: Verb = async ({ args, io, client }) => {
  const changes = await (await client()).archives.changes(args.positionals[0] ?? '');
  if (args.flag('json')) {
    await printJson(io, changes);
    return exitCodes.ok;
  }
  await write(io.stdout, changes.map(({ Kind: kind, Path: path }) => `${'CAD'[kind] ?? '?'} ${path}\n`).join(''));
  return exitCodes.ok;
};
