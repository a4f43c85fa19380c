import { readLogLines } from '#client';
import { usageError } from '../arguments/usage-error.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { parseMoment } from '../values/moment.ts';

export const logs: Verb = async ({ args, io, client, command }) => {
  const [ref = ''] = args.positionals;
  const nowMs = Date.now();
  const tail = args.text('tail');
  const json = args.flag('json');
  if (json && args.flag('details')) throw usageError('--details does not go with --json', command);
  const records = (await client()).containers.logs(ref, {
    follow: args.flag('follow'),
    timestamps: json || args.flag('timestamps'),
    details: args.flag('details'),
    since: parseMoment(args.text('since'), nowMs),
    until: parseMoment(args.text('until'), nowMs),
    // All that is no number means all, as to Docker's engine.
    ...(tail === undefined || !/^\+?\d{1,9}$/.test(tail) ? {} : { tail: Number(tail) }),
  });
  if (json) for await (const line of readLogLines(records, true)) await printJson(io, line);
  else for await (const { stream, data } of records) await write(stream === 'stderr' ? io.stderr : io.stdout, data);
  return exitCodes.ok;
};
