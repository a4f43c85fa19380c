import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const wait: Verb = async (invocation) => {
  const engine = await invocation.client();
  return forEach(invocation, async (ref) => {
    const { StatusCode } = await engine.containers.wait(ref);
    return { text: String(StatusCode), data: { StatusCode } };
  });
};
