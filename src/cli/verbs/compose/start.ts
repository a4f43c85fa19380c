import { convergeStart, selectServices, withoutProvided } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { findProjectOf } from './found.ts';
import { stepReporter, warner } from './progress.ts';

/** `orlop compose start`: what the services depend on, too. */
export const composeStart: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  const project = await findProjectOf(invocation, { named: args.positionals, resolvesEnvironment: false });
  await convergeStart(await client(), withoutProvided(selectServices(project, args.positionals)), {
    onStep: stepReporter({ io, args }),
    onWarning: warner(io),
  });
  return exitCodes.ok;
};
