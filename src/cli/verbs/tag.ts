import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';

export const tag: Verb = async ({ args, client }) => {
  const [source = '', target = ''] = args.positionals;
  await (await client()).images.tag(source, target);
  return exitCodes.ok;
};
