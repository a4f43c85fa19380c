import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { createPulling } from './create-pulling.ts';
import { readContainerOptions } from '../values/container-options.ts';
import { planCreate, planStreams } from '../values/create-body.ts';
import { openIdFile } from '../values/id-file.ts';

export const create: Verb = async ({ args, io, client }) => {
  const options = await readContainerOptions(args, io.env);
  const { body, name } = planCreate(args, options, planStreams(args, false));
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
