import type { Verb } from '../invocation.ts';
import { forEach } from './each.ts';

export const stop: Verb = async (invocation) => {
  const engine = await invocation.client();
  const options = { timeoutS: invocation.args.integer('timeout'), signal: invocation.args.text('signal') };
  return forEach(invocation, async (ref) => {
    await engine.containers.stop(ref, options);
    return ref;
  });
};

export const restart: Verb = async (invocation) => {
  const engine = await invocation.client();
  const options = { timeoutS: invocation.args.integer('timeout'), signal: invocation.args.text('signal') };
  return forEach(invocation, async (ref) => {
    await engine.containers.restart(ref, options);
    return ref;
  });
};
