import { OrlopError } from '#errors';
import type { Plan, Step } from '../plan/steps.ts';

export interface Running {
  /** Does one step; resolves with what undoes it, where that can be. */
  readonly perform: (step: Step, signal: AbortSignal) => Promise<(() => Promise<void>) | null>;
  readonly onStep?: (step: Step, state: 'doing' | 'done' | 'failed') => void;
  /** At most so many at a time. */
  readonly parallel?: number | undefined;
  /** What was done is undone, the last first, when a step fails. */
  readonly rollsBack?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Carries a plan out: each step as soon as those before it are done, side by side. After a failure nothing new begins, what runs is told to stop, and the
 * first failure is thrown.
 */
export async function runPlan(plan: Plan, running: Running): Promise<void> {
  const known = new Set(plan.steps.map(({ id }) => id));
  const waiting = new Set(plan.steps);
  const done = new Set<string>();
  const undos: (() => Promise<void>)[] = [];
  const giveUp = new AbortController();
  const signal = running.signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, running.signal]);
  const active = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const begin = (step: Step): void => {
    waiting.delete(step);
    running.onStep?.(step, 'doing');
    const work = running.perform(step, signal).then(
      (undo) => {
        if (undo !== null) undos.push(undo);
        done.add(step.id);
        running.onStep?.(step, 'done');
      },
      (error: unknown) => {
        running.onStep?.(step, 'failed');
        failures.push(error);
        giveUp.abort();
      },
    );
    const settled: Promise<void> = work.finally(() => void active.delete(settled));
    active.add(settled);
  };
  for (;;) {
    const free = (running.parallel ?? Number.POSITIVE_INFINITY) - active.size;
    const ready = [...waiting].filter(({ after }) => after.every((id) => done.has(id) || !known.has(id)));
    if (!signal.aborted) for (const step of ready.slice(0, Math.max(0, free))) begin(step);
    if (active.size === 0) break;
    await Promise.race(active);
  }
  const failure =
    failures[0] ?? (running.signal?.aborted === true ? new OrlopError('cancelled', 'COMPOSE_CANCELLED', 'canceled') : undefined);
  if (failure === undefined && waiting.size === 0) return;
  if (running.rollsBack === true) await undo(undos);
  if (failure !== undefined) throw toError(failure);
  throw new OrlopError('internal', 'COMPOSE_STUCK', `steps wait for each other: ${[...waiting].map(({ id }) => id).join(', ')}`);
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The last first; one that fails does not keep the others from it. */
async function undo(undos: readonly (() => Promise<void>)[]): Promise<void> {
  for (const act of undos.toReversed()) await act().catch(() => undefined);
}
