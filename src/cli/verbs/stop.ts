import type { Verb } from '../invocation.ts';
import { selectNamed } from '../values/selection.ts';
import { forEach } from './each.ts';

export const stop: Verb = async (invocation) => {
  const engine = await invocation.client();
  const options = { timeoutS: invocation.args.integer('timeout'), signal: invocation.args.text('signal') };
  const refs = await selectNamed(invocation, engine, { running: true });
  const work = async (ref: string): Promise<string> => {
    await engine.containers.stop(ref, options);
    return ref;
  };
  return forEach(invocation, work, refs);
};

export const restart: Verb = async (invocation) => {
  const engine = await invocation.client();
  const options = { timeoutS: invocation.args.integer('timeout'), signal: invocation.args.text('signal') };
  const refs = await selectNamed(invocation, engine, { running: true });
  const work = async (ref: string): Promise<string> => {
    await engine.containers.restart(ref, options);
    return ref;
  };
  return forEach(invocation, work, refs);
};
