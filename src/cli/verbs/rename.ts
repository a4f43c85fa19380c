import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';

export const rename: Verb = async ({ args, client }) => {
  const [ref = '', name = ''] = args.positionals;
  await (await client()).containers.rename(ref, name);
  return exitCodes.ok;
};
