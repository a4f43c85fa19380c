import { toOrlopError } from '#errors';
import type { Arguments } from '../arguments/parse.ts';
import { exitCodeOfFlags, exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write, type Io } from '../io.ts';
import { reportError } from '../render/error.ts';
import { printJson } from '../render/json.ts';
import { createPulling } from './create-pulling.ts';
import { readContainerOptions } from '../values/container-options.ts';
import { type CreatePlan, planCreate, planStreams } from '../values/create-body.ts';
import { openIdFile } from '../values/id-file.ts';

export const create: Verb = async ({ args, io, client }) => {
  const plan = await readPlan(args, io).catch(toOrlopError);
  if (plan instanceof Error) {
    await reportError(io, plan, { json: args.flag('json') });
    return exitCodeOfFlags(plan);
  }
  const { body, name } = plan;
  await using idFile = await openIdFile(args.text('cidfile'));
  const { Id: id, Warnings: warnings } = await createPulling({ engine: await client(), args, io }, body, name);
  await idFile?.write(id);
  if (args.flag('json')) {
    await printJson(io, { Id: id, Warnings: warnings });
    return exitCodes.ok;
  }
  for (const warning of warnings) await write(io.stderr, `WARNING: ${warning}\n`);
  await write(io.stdout, `${id}\n`);
  return exitCodes.ok;
};

async function readPlan(args: Arguments, io: Io): Promise<CreatePlan> {
  return planCreate(args, await readContainerOptions(args, io.env), planStreams(args, false));
}
