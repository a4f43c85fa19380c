import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { confirm } from './prune.ts';

/** As a host does that goes down: the next engine starts again what is to run with it. */
export const shutdownEngine: Verb = async ({ args, io, client }) => {
  if (!args.flag('force') && !(await confirm(io, 'This stops all containers and the engine. Go on?'))) return exitCodes.failure;
  const { failed } = await (await client()).shutdown();
  if (args.flag('json')) await printJson(io, { failed });
  else for (const name of failed) await write(io.stderr, `container ${name} could not be stopped: the engine goes on\n`);
  return failed.length === 0 ? exitCodes.ok : exitCodes.failure;
};
