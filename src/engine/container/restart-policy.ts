import type { RestartPolicy } from '#wire';

/** How a process ended, for the question whether it is started again. */
export interface Ending {
  readonly exitCode: number;
  /** How often it has been started again already, since somebody started it. */
  readonly restarts: number;
  /** Somebody stopped it. */
  readonly stopped: boolean;
}

const firstDelayMs = 100;
const longestDelayMs = 60_000;
/** Who ran this long did not fail at once: the next wait is the first again. */
const settledMs = 10_000;

/** Docker's rules ("Restart policies"); what was stopped stays so until it is started again, or, for `always`, until the engine comes back. Pure. */
export function startsAgain(policy: RestartPolicy | undefined, ending: Ending, occasion: 'end' | 'engine start' = 'end'): boolean {
  switch (policy?.name) {
    case 'always':
      return !ending.stopped || occasion === 'engine start';
    case 'unless-stopped':
      return !ending.stopped;
    case 'on-failure':
      return !ending.stopped && ending.exitCode !== 0 && ending.restarts < (policy.maximumRetries || Number.POSITIVE_INFINITY);
    default:
      return false;
  }
}

/** How many of the starts count as tries: all, or where the policy has a window, those since a run that lasted it (compose-spec deploy, restart_policy). Pure. */
export function countTries(
  policy: RestartPolicy | undefined,
  { restarts, shortRuns, ranMs }: { readonly restarts: number; readonly shortRuns: number; readonly ranMs: number },
): number {
  if (policy?.windowMs === undefined) return restarts;
  return ranMs >= policy.windowMs ? 0 : shortRuns;
}

/**
 * How long to wait, ms: as the policy says, or else twice as long each time, up to a minute. `lastMs` is the wait before this run; 0: there was
 * none. Pure.
 */
export function nextDelayMs(policy: RestartPolicy | undefined, lastMs: number, ranMs: number): number {
  if (policy?.delayMs !== undefined) return policy.delayMs;
  return lastMs === 0 || ranMs > settledMs ? firstDelayMs : Math.min(lastMs * 2, longestDelayMs);
}
