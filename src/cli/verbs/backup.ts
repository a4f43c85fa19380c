import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { openArchive, writeArchive } from '../values/archive-file.ts';

export const createBackup: Verb = async ({ args, io, client }) => {
  const archive = (await client()).snapshots.backup(args.positionals[0] ?? '');
  await writeArchive(io, args.text('output'), archive, 'name a file with --output, or redirect it');
  return exitCodes.ok;
};

export const restoreBackup: Verb = async ({ args, io, client }) => {
  const [file, name] = args.positionals;
  const archive = await openArchive(io, file, 'name a file, or redirect it');
  const made = await (await client()).snapshots.restoreBackup(archive, name === undefined ? {} : { name });
  if (args.flag('json')) await printJson(io, made);
  else await write(io.stdout, `${made.name}\n`);
  return exitCodes.ok;
};
