import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { formatTable } from '../render/table.ts';

/** The processes of a container, as Docker's; without a name, all containers. */
export const top: Verb = async (invocation) => {
  const { args, io, client, command } = invocation;
  if (args.positionals.length === 0) return (await import('./live-top.ts')).liveTop(invocation);
  const misplaced = ['sort', 'no-stream'].find((name) => args.has(name));
  if (misplaced !== undefined) throw usageError(`--${misplaced} is for all containers, not for one`, command);
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
