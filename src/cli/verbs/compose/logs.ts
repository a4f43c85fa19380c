import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { painterFor } from '../../render/colour.ts';
import { parseMoment } from '../../values/moment.ts';
import { chooseContainers } from './chosen.ts';
import { followLogs } from './follow-logs.ts';

/** `orlop compose logs` */
export const composeLogs: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const { containers } = await chooseContainers(invocation);
  const nowMs = Date.now();
  const tail = Number(args.text('tail') ?? Number.NaN);
  await followLogs(await client(), io, containers, {
    follow: args.flag('follow'),
    timestamps: args.flag('timestamps'),
    since: parseMoment(args.text('since'), nowMs),
    until: parseMoment(args.text('until'), nowMs),
    noPrefix: args.flag('no-log-prefix'),
    colours: !args.flag('no-color') && painterFor(io.stdout, io.env)('red', 'x') !== 'x',
    ...(Number.isInteger(tail) && tail >= 0 ? { tail } : {}),
  });
  return exitCodes.ok;
};
