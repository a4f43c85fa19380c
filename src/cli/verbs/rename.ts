import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { printJson } from '../render/json.ts';

export const rename: Verb = async ({ args, io, client }) => {
  const [ref = '', name = ''] = args.positionals;
  await (await client()).containers.rename(ref, name);
  if (args.flag('json')) await printJson(io, { Name: name });
  return exitCodes.ok;
};
