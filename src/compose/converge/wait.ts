import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#client';
import { OrlopError } from '#errors';
import type { Condition } from '../plan/steps.ts';

const shortestMs = 50;
const longestMs = 500;

/**
 * Resolves when the container is as it must be: running, healthy, or ended with 0. failed-precondition when it will not be: it is unhealthy, has no
 * health check, or ended otherwise.
 */
export async function waitFor(client: Client, ref: string, condition: Condition, signal: AbortSignal): Promise<void> {
  const fail = (why: string): OrlopError =>
    new OrlopError('failed-precondition', 'COMPOSE_DEPENDENCY_FAILED', `container ${ref} ${why}`, { hint: `look at orlop logs ${ref}` });
  if (condition === 'completed') {
    const { StatusCode } = await client.containers.wait(ref, { signal });
    if (StatusCode !== 0) throw fail(`didn't complete successfully: exit ${StatusCode}`);
    return;
  }
  for (let pause = shortestMs; ; pause = Math.min(longestMs, pause * 1.3)) {
    signal.throwIfAborted();
    const { State } = await client.containers.inspect(ref);
    const status = State.Health?.Status ?? 'none';
    if (!State.Running && !State.Restarting) throw fail(`exited (${State.ExitCode})`);
    if (condition === 'started' && State.Running) return;
    if (condition === 'healthy') {
      if (status === 'healthy') return;
      if (status === 'none') throw fail('has no healthcheck configured');
      if (status === 'unhealthy') throw fail('is unhealthy');
    }
    await delay(pause, undefined, { signal });
  }
}
