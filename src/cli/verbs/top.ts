import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatTable } from '../render/table.ts';

export const top: Verb = async ({ args, io, client }) => {
  const [ref = '', ...psArguments] = args.positionals;
  const { Titles: titles, Processes: processes } = await (await client()).containers.top(
    ref,
    psArguments.length === 0 ? undefined : psArguments.join(' '),
  );
  if (args.flag('json')) {
    await printJson(io, { Titles: titles, Processes: processes });
    return exitCodes.ok;
  }
  await write(io.stdout, formatTable([titles, ...processes], 20));
  return exitCodes.ok;
};
