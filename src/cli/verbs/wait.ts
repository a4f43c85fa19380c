import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const wait: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => String((await engine.containers.wait(ref)).StatusCode));
};
