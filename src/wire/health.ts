import type { DockerHealthcheck } from './docker.ts';

/** How a container is asked whether it is well. Times are ns; what is absent has Docker's default. */
export interface HealthCheck {
  /** `['CMD', PROGRAM, …]`, `['CMD-SHELL', TEXT]`, `['NONE']` for none at all, `[]` for the image's. */
  readonly test: readonly string[];
  readonly intervalNs?: number;
  readonly timeoutNs?: number;
  readonly startPeriodNs?: number;
  readonly startIntervalNs?: number;
  readonly retries?: number;
}

/** What is done with a container that has become unhealthy. */
export type UnhealthyAction = 'none' | 'restart' | 'stop';

export interface HealthResult {
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** 0: well; -1: there was no answer in time. */
  readonly exitCode: number;
  readonly output: string;
}

export interface HealthView {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** The last five, the oldest first. */
  readonly log: readonly HealthResult[];
}

/** The same in Docker's field names. */
export function toDockerHealthcheck(check: HealthCheck): DockerHealthcheck {
  const { test, intervalNs, timeoutNs, startPeriodNs, startIntervalNs, retries } = check;
  return {
    Test: [...test],
    ...(intervalNs === undefined ? {} : { Interval: intervalNs }),
    ...(timeoutNs === undefined ? {} : { Timeout: timeoutNs }),
    ...(startPeriodNs === undefined || startPeriodNs === 0 ? {} : { StartPeriod: startPeriodNs }),
    ...(startIntervalNs === undefined ? {} : { StartInterval: startIntervalNs }),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}

/** How far a machine is: `booting`; up, `running` or with a unit that failed `degraded`; `stopping`. */
export type BootView = 'booting' | 'running' | 'degraded' | 'stopping';

/** `POST /orlop/v1/containers/{id}/await-boot` */
export interface BootBody {
  /** null: nobody can tell. */
  readonly boot: BootView | null;
}
