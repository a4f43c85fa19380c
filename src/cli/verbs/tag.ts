import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { printJson } from '../render/json.ts';

export const tag: Verb = async ({ args, io, client }) => {
  const [source = '', target = ''] = args.positionals;
  await (await client()).images.tag(source, target);
  if (args.flag('json')) await printJson(io, { Name: target });
  return exitCodes.ok;
};
