import { usageError } from '../arguments/usage-error.ts';
import type { Verb } from '../invocation.ts';
import { parsePublish, parsePublished } from '../values/ports.ts';
import { forEach } from './each.ts';

/** Changes containers that may be running. */
export const update: Verb = async (invocation) => {
  const { args, command } = invocation;
  const change = { add: parsePublish(args.list('publish-add')).ports, remove: parsePublished(args.list('publish-rm')) };
  if (change.add.length + change.remove.length === 0)
    throw usageError('you must provide one or more flags when using this command', command);
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => {
    await engine.networks.changePorts(ref, change);
    return ref;
  });
};
