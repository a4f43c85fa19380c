import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const kill: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => {
    await engine.containers.kill(ref, invocation.args.text('signal'));
    return ref;
  });
};
