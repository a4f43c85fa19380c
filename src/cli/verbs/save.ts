import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { writeArchive } from '../values/archive-file.ts';

export const save: Verb = async ({ args, io, client }) => {
  const archive = (await client()).archives.save(args.positionals, { platform: args.text('platform') });
  await writeArchive(io, args.text('output'), archive, 'name a file with --output, or redirect it');
  return exitCodes.ok;
};
