import { isOrlopError } from '#errors';
import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

/** With `--force` what is not there is as good as removed. */
export const rm: Verb = async (invocation) => {
  const engine = await invocation.client();
  const force = invocation.args.flag('force');
  return forEach(invocation, async (ref) => {
    try {
      await engine.containers.remove(ref, { force, volumes: invocation.args.flag('volumes') });
    } catch (error) {
      if (force && isOrlopError(error, 'not-found')) return null;
      throw error;
    }
    return ref;
  });
};
