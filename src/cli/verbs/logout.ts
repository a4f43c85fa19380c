import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { openCredentials, registryOf } from '../values/registry-auth.ts';

export const logout: Verb = async ({ args, io }) => {
  const registry = registryOf(args.positionals[0]);
  const had = await openCredentials(io.env).erase(registry);
  await write(io.stdout, had ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`);
  return exitCodes.ok;
};
