import { isOrlopError } from '#errors';
import type { Verb } from '../invocation.ts';
import { reportError } from '../render/error.ts';
import { selectNamed } from '../values/selection.ts';
import { forEach } from './each.ts';

/** With `--force` what is not there is as good as removed: as Docker's command line does, ours says so and goes on. */
export const rm: Verb = async (invocation) => {
  const engine = await invocation.client();
  const force = invocation.args.flag('force');
  const refs = await selectNamed(invocation, engine, { running: false });
  const work = async (ref: string): Promise<string | null> => {
    try {
      await engine.containers.remove(ref, { force, volumes: invocation.args.flag('volumes'), link: invocation.args.flag('link') });
    } catch (error) {
      if (!force || !isOrlopError(error, 'not-found')) throw error;
      if (!invocation.args.flag('json')) await reportError(invocation.io, error);
      return null;
    }
    return ref;
  };
  return forEach(invocation, work, refs);
};
