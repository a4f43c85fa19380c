import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import { formatTime, type DockerContainerState, type HealthCheck, type HealthView, type UnhealthyAction } from '#wire';

const durations = { intervalNs: 'Interval', timeoutNs: 'Timeout', startPeriodNs: 'StartPeriod', startIntervalNs: 'StartInterval' } as const;
const shortestNs = 1_000_000;

/** Config.Healthcheck; undefined when there is none. In Docker's words when it cannot be. */
export function decodeHealthCheck(config: JsonReader): HealthCheck | undefined {
  if ((config.raw('Healthcheck') ?? null) === null) return undefined;
  const check = config.object('Healthcheck');
  const test = check.texts('Test') ?? [];
  const [kind] = test;
  if (kind !== undefined && !['NONE', 'CMD', 'CMD-SHELL'].includes(kind))
    throw invalid(`Unknown type ${JSON.stringify(kind)} in Healthcheck`);
  const values: Record<string, number> = {};
  for (const [name, field] of Object.entries(durations)) {
    const value = check.integer(field);
    if (value !== 0 && value < shortestNs) throw invalid(`${field} in Healthcheck cannot be less than 1ms`);
    if (value !== 0) values[name] = value;
  }
  const retries = check.integer('Retries');
  if (retries < 0) throw invalid('Retries in Healthcheck cannot be negative');
  return { test, ...values, ...(retries === 0 ? {} : { retries }) };
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_HEALTHCHECK', message);
}

/** HostConfig.OnUnhealthy, which only Orlop has. */
export function decodeUnhealthyAction(host: JsonReader): UnhealthyAction | undefined {
  const asked = host.text('OnUnhealthy');
  if (asked === '') return undefined;
  if (asked === 'none' || asked === 'restart' || asked === 'stop') return asked;
  throw new OrlopError('invalid-argument', 'ORLOP_BAD_ON_UNHEALTHY', `invalid OnUnhealthy ${JSON.stringify(asked)}`, {
    hint: 'give none, restart or stop',
  });
}

export function healthState({ status, failingStreak, log }: HealthView): NonNullable<DockerContainerState['Health']> {
  const results = log.map(({ startNs, endNs, exitCode, output }) => ({
    Start: formatTime(startNs),
    End: formatTime(endNs),
    ExitCode: exitCode,
    Output: output,
  }));
  return { Status: status, FailingStreak: failingStreak, Log: results };
}
