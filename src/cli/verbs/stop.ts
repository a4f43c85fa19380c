import type { StopOptions } from '#client';
import type { Invocation, Verb } from '../invocation.ts';
import { awaitMachine, readBootWait } from '../values/boot-wait.ts';
import { selectNamed } from '../values/selection.ts';
import { forEach } from './each.ts';

export const stop: Verb = async (invocation) => {
  const engine = await invocation.client();
  const refs = await selectNamed(invocation, engine, { running: true });
  const work = async (ref: string): Promise<string> => {
    await engine.containers.stop(ref, optionsFor(invocation, ref));
    return ref;
  };
  return forEach(invocation, work, refs);
};

export const restart: Verb = async (invocation) => {
  const engine = await invocation.client();
  const bootWaitMs = readBootWait(invocation.args);
  const refs = await selectNamed(invocation, engine, { running: true });
  const work = async (ref: string): Promise<string> => {
    await engine.containers.restart(ref, optionsFor(invocation, ref));
    if (bootWaitMs !== null) await awaitMachine(engine, invocation.io, ref, bootWaitMs);
    return ref;
  };
  return forEach(invocation, work, refs);
};

function optionsFor({ args, io }: Invocation, ref: string): StopOptions {
  const asked = args.integer('timeout');
  return {
    timeoutS: asked,
    signal: args.text('signal'),
    // Who gives it no time knows that it is killed.
    onKilled: (timeoutS) => asked !== 0 && void io.stderr.write(`WARNING: ${ref} did not end within ${timeoutS} s and was killed\n`),
  };
}
