import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { openCredentials, registryOf } from '../values/registry-auth.ts';

export const logout: Verb = async ({ args, io }) => {
  const registry = registryOf(args.positionals[0]);
  await write(io.stdout, `Removing login credentials for ${registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry}\n`);
  await openCredentials(io.env).erase(registry);
  return exitCodes.ok;
};
