import { labels } from '#compose';
import { exitCodes } from '../../exit-codes.ts';
import { programVersion } from '../../program-version.ts';
import type { Verb } from '../../invocation.ts';
import { write } from '../../io.ts';
import { printJson } from '../../render/json.ts';
import { runVerb } from './images.ts';
import { findProjectOf } from './found.ts';

/** `orlop compose events` */
export const composeEvents: Verb = async (invocation) => {
  const { args } = invocation;
  const { name } = await findProjectOf(invocation, { named: args.positionals, resolvesEnvironment: false });
  const filters = [
    `label=${labels.project}=${name}`,
    ...args.positionals.map((service) => `label=${labels.service}=${service}`),
    'type=container',
  ];
  const span = ['since', 'until'].flatMap((flag) => args.list(flag).map((value) => `--${flag}=${value}`));
  return runVerb(invocation, [
    'events',
    ...(args.flag('json') ? ['--json'] : []),
    ...span,
    ...filters.map((filter) => `--filter=${filter}`),
  ]);
};

/** `orlop compose version` */
export const composeVersion: Verb = async ({ args, io }) => {
  if (args.flag('json') || args.text('format') === 'json') await printJson(io, { version: programVersion });
  else await write(io.stdout, args.flag('short') ? `${programVersion}\n` : `Orlop Compose version ${programVersion}\n`);
  return exitCodes.ok;
};
