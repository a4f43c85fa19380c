import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const pause: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => {
    await engine.containers.pause(ref);
    return ref;
  });
};

export const unpause: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => {
    await engine.containers.unpause(ref);
    return ref;
  });
};
