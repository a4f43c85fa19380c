import { isOrlopError } from '#errors';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';
import { printJson } from '../render/json.ts';
import { endpointBodyOf } from '../values/network-body.ts';
import { planNetworkCreate } from '../values/network-create.ts';
import { readLinks } from '../values/isolation.ts';
import { readWishes } from '../values/networks.ts';
import { parseFilters } from '../values/pairs.ts';
import { forEach } from './each.ts';
import { mayRemove } from './prune.ts';

export const createNetwork: Verb = async ({ args, io, client }) => {
  const { Id: id, Warning: warning } = await (await client()).networks.create(planNetworkCreate(args));
  if (warning !== '') await write(io.stderr, `WARNING: ${warning}\n`);
  await (args.flag('json') ? printJson(io, { Id: id, Warning: warning }) : write(io.stdout, `${id}\n`));
  return exitCodes.ok;
};

/** With `--force` what is not there is as good as removed. */
export const removeNetworks: Verb = async (invocation) => {
  const engine = await invocation.client();
  const force = invocation.args.flag('force');
  return forEach(invocation, async (ref) => {
    try {
      await engine.networks.remove(ref);
    } catch (error) {
      if (force && isOrlopError(error, 'not-found')) return null;
      throw error;
    }
    return ref;
  });
};

export const connectNetwork: Verb = async ({ args, io, client }) => {
  const [network = '', container = ''] = args.positionals;
  await (await client()).networks.connect(network, container, endpointBodyOf({ ...readWishes(args), ...readLinks(args) }));
  if (args.flag('json')) await printJson(io, { Network: network, Container: container });
  return exitCodes.ok;
};

export const disconnectNetwork: Verb = async ({ args, io, client }) => {
  const [network = '', container = ''] = args.positionals;
  await (await client()).networks.disconnect(network, container, { force: args.flag('force') });
  if (args.flag('json')) await printJson(io, { Network: network, Container: container });
  return exitCodes.ok;
};

export const pruneNetworks: Verb = async (invocation) => {
  const { args, io, client } = invocation;
  if (!(await mayRemove(invocation, ' all custom networks not used by at least one container.'))) return exitCodes.ok;
  const removed = await (await client()).networks.prune(parseFilters(args.list('filter')));
  if (args.flag('json')) await printJson(io, { NetworksDeleted: removed });
  else if (removed.length > 0) await write(io.stdout, `Deleted Networks:\n${removed.join('\n')}\n\n`);
  return exitCodes.ok;
};
