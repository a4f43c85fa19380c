import { parseDuration, type HealthCheck, type UnhealthyAction } from '#wire';
import type { Arguments } from '../arguments/parse.ts';
import { usageError } from '../arguments/usage-error.ts';

const durations = {
  intervalNs: 'health-interval',
  timeoutNs: 'health-timeout',
  startPeriodNs: 'health-start-period',
  startIntervalNs: 'health-start-interval',
} as const;

/** What the flags say of a container's health. */
export function readHealth(args: Arguments): { healthCheck?: HealthCheck; onUnhealthy?: UnhealthyAction } {
  const command = args.text('health-cmd');
  const retries = args.integer('health-retries');
  const values = Object.fromEntries(
    Object.entries(durations).flatMap(([name, flag]) => (args.has(flag) ? [[name, nanoseconds(flag, args.text(flag) ?? '')]] : [])),
  );
  const some = command !== undefined || retries !== undefined || Object.keys(values).length > 0;
  const off = args.flag('no-healthcheck');
  if (off && some) throw usageError('--no-healthcheck conflicts with --health-* options');
  if (retries !== undefined && retries < 0) throw usageError('--health-retries cannot be negative');
  const test = off ? ['NONE'] : command === undefined ? [] : ['CMD-SHELL', command];
  const onUnhealthy = args.text('on-unhealthy');
  return {
    ...(some || off ? { healthCheck: { test, ...values, ...(retries === undefined ? {} : { retries }) } } : {}),
    ...(onUnhealthy === undefined ? {} : { onUnhealthy: parseAction(onUnhealthy) }),
  };
}

function nanoseconds(flag: string, text: string): number {
  const value = parseDuration(text);
  if (value === null) throw usageError(`invalid argument ${JSON.stringify(text)} for "--${flag}" flag: it must be a duration such as 30s`);
  return Number(value);
}

function parseAction(text: string): UnhealthyAction {
  if (text === 'none' || text === 'restart' || text === 'stop') return text;
  throw usageError(`invalid argument ${JSON.stringify(text)} for "--on-unhealthy" flag: it must be none, restart or stop`);
}
