import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatBytes } from '../values/size.ts';

export const dedupe: Verb = async ({ args, io, client }) => {
  const names = args.positionals;
  if (args.flag('all') === names.length > 0) throw usageError('"orlop dedupe" takes names of containers, or --all');
  const answer = await (await client()).disk.dedupe(args.flag('all') ? null : names);
  if (args.flag('json')) {
    await printJson(io, answer);
    return exitCodes.ok;
  }
  const { files, sharedFiles, savedBytes, apart } = answer;
  for (const name of apart) await write(io.stderr, `container ${name} has a disk of its own, which shares with nobody\n`);
  await write(io.stdout, `${sharedFiles} of ${files} files share their blocks now: ${formatBytes(savedBytes)} saved\n`);
  return exitCodes.ok;
};
