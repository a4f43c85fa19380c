import { convergeDown, formatPlan, releaseServices, selectServices } from '#compose';
import { usageError } from '../../arguments/usage-error.ts';
import { exitCodes } from '../../exit-codes.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { stepReporter, warner } from './progress.ts';
import { findProjectOf } from './found.ts';
import { providerCaller } from './providers.ts';

const imageChoices = ['local', 'all'] as const;

/** `orlop compose down` */
export const composeDown: Verb = async (invocation) => {
  const { args, io, client, command } = invocation;
  const given = args.text('rmi');
  const images = imageChoices.find((choice) => choice === given);
  if (given !== undefined && images === undefined) throw usageError(`invalid value for --rmi: ${JSON.stringify(given)}`, command);
  const whole = await findProjectOf(invocation, { named: args.positionals, resolvesEnvironment: false });
  const services = Object.keys(selectServices(whole, args.positionals, { dependencies: false }).services);
  const isDry = args.flag('dry-run');
  const down = {
    volumes: args.flag('volumes'),
    removeOrphans: args.flag('remove-orphans'),
    ...(images === undefined ? {} : { images }),
    ...(args.positionals.length === 0 ? {} : { services }),
  };
  const report = warner(io);
  await convergeDown(await client(), whole, down, {
    stopTimeoutS: args.integer('timeout'),
    parallel: args.integer('parallel'),
    onStep: stepReporter({ io, args }),
    onWarning: report,
    onPlan: async (plan) => {
      if (plan.steps.length === 0) report(`no resource found to remove for project "${whole.name}"`);
      if (isDry) await write(io.stdout, formatPlan(plan));
      return !isDry;
    },
  });
  const goes = args.positionals.length === 0 ? whole : selectServices(whole, args.positionals, { dependencies: false });
  if (!isDry) await releaseServices(goes, providerCaller(invocation, whole), 'down');
  return exitCodes.ok;
};
