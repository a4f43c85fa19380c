import type { HealthCheck, HealthResult, HealthView, ImageView } from '#wire';

const secondNs = 1_000_000_000;
const defaults = {
  intervalNs: 30 * secondNs,
  timeoutNs: 30 * secondNs,
  startPeriodNs: 0,
  startIntervalNs: 5 * secondNs,
  retries: 3,
} as const;
const resultsKept = 5;

/** A check with all its values. */
export type WholeCheck = Required<HealthCheck>;

/** What the request asks, over what the image says; null: the container is not asked. Zeros are Docker's way to leave a value out. Pure. */
export function resolveHealthCheck(image: ImageView['config'], asked: HealthCheck | undefined): WholeCheck | null {
  const inherited = image.healthCheck;
  const test = asked === undefined || asked.test.length === 0 ? (inherited?.test ?? []) : asked.test;
  if (test.length === 0 || test[0] === 'NONE') return null;
  const value = (name: keyof typeof defaults): number => asked?.[name] || inherited?.[name] || defaults[name];
  return {
    test,
    intervalNs: value('intervalNs'),
    timeoutNs: value('timeoutNs'),
    startPeriodNs: value('startPeriodNs'),
    startIntervalNs: value('startIntervalNs'),
    retries: value('retries'),
  };
}

/** The program that is run in the container. Pure. */
export function commandOf({ test }: Pick<WholeCheck, 'test'>): string[] {
  const [kind, ...words] = test;
  return kind === 'CMD' ? words : ['/bin/sh', '-c', kind === 'CMD-SHELL' ? words.join(' ') : test.join(' ')];
}

export const unknownHealth: HealthView = { status: 'starting', failingStreak: 0, log: [] };

/** How long to wait before the next question, ms. While it starts, one may ask more often. Pure. */
export function waitMs(check: WholeCheck, health: HealthView, sinceStartNs: number): number {
  const starting = health.status === 'starting' && sinceStartNs < check.startPeriodNs;
  return Math.max(1, (starting ? check.startIntervalNs : check.intervalNs) / 1e6);
}

/** The health after an answer, by Docker's rules: what fails while it starts does not count. Pure. */
export function judge(check: WholeCheck, before: HealthView, result: HealthResult, sinceStartNs: number): HealthView {
  const log = [...before.log, result].slice(-resultsKept);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  if (before.status === 'starting' && sinceStartNs < check.startPeriodNs) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { status: failingStreak >= check.retries ? 'unhealthy' : before.status, failingStreak, log };
}
