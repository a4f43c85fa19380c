import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '#client';
import { OrlopError } from '#errors';
import { labels } from '../plan/labels.ts';
import type { Condition } from '../plan/steps.ts';

/** At the latest after this time one looks again, whatever was told. */
const patienceMs = 500;
const telling = ['start', 'die', 'health_status', 'pause', 'unpause', 'destroy'];

/** What happens to a project's containers, for those who wait for it. */
export interface Happenings extends Disposable {
  /** How much has happened so far: what is looked at after this question may have changed when it is another. */
  readonly count: number;
  /** Resolves when more has happened than this, or after this time, ms. Rejects when the signal says so. */
  next(count: number, limitMs: number, signal: AbortSignal): Promise<void>;
}

/** Listens to the engine until disposed. */
export function followHappenings(client: Client, project: string): Happenings {
  const over = new AbortController();
  const told = new EventEmitter().setMaxListeners(0);
  let count = 0;
  const listen = async (): Promise<void> => {
    const filters = { type: ['container'], label: [`${labels.project}=${project}`], event: telling };
    for await (const _event of client.events({ filters, signal: over.signal })) {
      count += 1;
      told.emit('more');
    }
  };
  // Who hears nothing looks now and then.
  void listen().catch(() => undefined);
  return {
    get count() {
      return count;
    },
    next: async (seen, limitMs, signal) => {
      if (count !== seen) return;
      const done = new AbortController();
      const either = AbortSignal.any([signal, done.signal]);
      try {
        await Promise.race([once(told, 'more', { signal: either }), delay(limitMs, undefined, { signal: either })]);
      } finally {
        done.abort();
      }
    },
    [Symbol.dispose]: () => over.abort(),
  };
}

export interface Waiting {
  readonly client: Client;
  readonly happenings: Happenings;
  readonly signal: AbortSignal;
}

const unlike = (ref: string, why: string): OrlopError =>
  new OrlopError('failed-precondition', 'COMPOSE_DEPENDENCY_FAILED', `container ${ref} ${why}`, { hint: `look at orlop logs ${ref}` });

/**
 * Resolves when the container is as it must be: running, healthy, ready, or ended with 0. failed-precondition when it will not be: it is unhealthy, has no
 * health check, or ended otherwise.
 */
export async function waitFor(ref: string, condition: Condition, { client, happenings, signal }: Waiting): Promise<void> {
  if (condition === 'completed') {
    const { StatusCode } = await client.containers.wait(ref, { signal });
    if (StatusCode !== 0) throw unlike(ref, `didn't complete successfully: exit ${StatusCode}`);
    return;
  }
  for (let looks = 0; ; looks++) {
    signal.throwIfAborted();
    const { count } = happenings;
    const { State } = await client.containers.inspect(ref);
    const status = State.Health?.Status ?? 'none';
    if (!State.Running && !State.Restarting) throw unlike(ref, `exited (${State.ExitCode})`);
    const asksHealth = condition === 'healthy' || (condition === 'ready' && status !== 'none');
    if (!asksHealth && State.Running) return;
    if (asksHealth) {
      if (status === 'healthy') return;
      // One that ends at once is said to have ended.
      if (status === 'none' && looks > 0) throw unlike(ref, 'has no healthcheck configured');
      if (status === 'unhealthy') throw unlike(ref, 'is unhealthy');
    }
    await happenings.next(count, patienceMs, signal);
  }
}

/** Watches a container that is ready for this time, ms. failed-precondition when it ends or becomes unhealthy meanwhile. */
export async function watchWhether(ref: string, stays: number, { client, happenings, signal }: Waiting): Promise<void> {
  const untilMs = Date.now() + stays;
  for (let restarts: number | null = null; ; ) {
    const { count } = happenings;
    const { State, RestartCount } = await client.containers.inspect(ref);
    if (!State.Running || (restarts !== null && RestartCount !== restarts))
      throw unlike(ref, `ended (${State.ExitCode}) while it was watched`);
    if (State.Health?.Status === 'unhealthy') throw unlike(ref, 'became unhealthy while it was watched');
    restarts = RestartCount;
    const leftMs = untilMs - Date.now();
    if (leftMs <= 0) return;
    await happenings.next(count, Math.min(leftMs, patienceMs), signal);
  }
}
