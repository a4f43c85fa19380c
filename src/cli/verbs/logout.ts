import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { openCredentials, registryOf } from '../values/registry-auth.ts';

export const logout: Verb = async ({ args, io }) => {
  const registry = registryOf(args.positionals[0]);
  const json = args.flag('json');
  const shown = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry;
  if (!json) await write(io.stdout, `Removing login credentials for ${shown}\n`);
  await openCredentials(io.env).erase(registry);
  if (json) await printJson(io, { Registry: registry });
  return exitCodes.ok;
};
