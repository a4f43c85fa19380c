import { OrlopError } from '#errors';
import type { LinuxResources } from '#oci';
import { formatLimit, formatWhole, refuseResource, type CgroupVersion, type CgroupWrite } from './writes.ts';

type Cpu = NonNullable<LinuxResources['cpu']>;

const at = 'linux.resources.cpu';

export function planCpu(cpu: Cpu, version: CgroupVersion, facts: CpuFacts): CgroupWrite[] {
  return version === 1 ? planV1(cpu, facts) : planV2(cpu, facts);
}

/** What a cgroup has now: on v2 a period is only written together with a quota. */
export interface CpuFacts {
  /** The first word of cpu.max: microseconds or `max`. */
  readonly quota: string;
  /** cpu.cfs_period_us of v1, or null where that is not known. */
  readonly periodUs: number | null;
}

function write(file: string, value: number | bigint | string, name: string): CgroupWrite {
  return { controller: 'cpu', file, value: typeof value === 'string' ? value : formatWhole(value), about: `${at}.${name}` };
}

/** 0 means "not set" for all but idle and burst, as runc reads it. */
const isSet = (value: number | undefined): value is number => value !== undefined && value !== 0;

/**
 * scheduler/sched-bwc.rst. The kernel compares quota and period with those of the cgroup above at each write: first comes what makes less of them, so that what is
 * there meanwhile is allowed where the end is.
 */
function planV1(cpu: Cpu, { periodUs }: CpuFacts): CgroupWrite[] {
  const period = isSet(cpu.period) ? [write('cpu.cfs_period_us', cpu.period, 'period')] : [];
  const quota = isSet(cpu.quota) ? [write('cpu.cfs_quota_us', cpu.quota, 'quota')] : [];
  const shorter = cpu.period !== undefined && periodUs !== null && cpu.period < periodUs;
  return [
    ...(isSet(cpu.shares) ? [write('cpu.shares', checkShares(cpu.shares), 'shares')] : []),
    ...withBurst('cpu.cfs_burst_us', cpu, shorter ? [...quota, ...period] : [...period, ...quota]),
    ...(isSet(cpu.realtimePeriod) ? [write('cpu.rt_period_us', cpu.realtimePeriod, 'realtimePeriod')] : []),
    ...(isSet(cpu.realtimeRuntime) ? [write('cpu.rt_runtime_us', cpu.realtimeRuntime, 'realtimeRuntime')] : []),
    ...(cpu.idle === undefined ? [] : [write('cpu.idle', cpu.idle, 'idle')]),
  ];
}

/** MIN_SHARES and MAX_SHARES of kernel/sched/sched.h: the kernel takes others for these without a word, and callers look for runc's. */
function checkShares(shares: number): number {
  const [least, most] = [2, 262_144];
  if (shares >= least && shares <= most) return shares;
  const bound = shares < least ? `minimum allowed cpu-shares is ${least}` : `maximum allowed cpu-shares is ${most}`;
  throw new OrlopError('invalid-argument', 'RUNTIME_RESOURCE_RANGE', `the ${bound}`, { details: { path: `${at}.shares` } });
}

/** cgroup-v2.rst, "CPU". An idle cgroup takes no weight, so a weight is written while it is not idle. */
function planV2(cpu: Cpu, facts: CpuFacts): CgroupWrite[] {
  if (isSet(cpu.realtimePeriod) || isSet(cpu.realtimeRuntime))
    throw refuseResource(`${at}.realtimeRuntime`, 'cgroup v2 has no real-time budget');
  const idle = cpu.idle === undefined ? [] : [write('cpu.idle', cpu.idle, 'idle')];
  const weight = isSet(cpu.shares) ? [write('cpu.weight', weightOfShares(cpu.shares), 'shares')] : [];
  return [...(cpu.idle === 0 ? [...idle, ...weight] : [...weight, ...idle]), ...withBurst('cpu.max.burst', cpu, planQuota(cpu, facts))];
}

/** A quota alone keeps the period, as on v1. */
function planQuota({ quota, period }: Cpu, facts: CpuFacts): CgroupWrite[] {
  if (!isSet(quota) && !isSet(period)) return [];
  const amount = isSet(quota) ? formatLimit(quota) : facts.quota;
  return [write('cpu.max', isSet(period) ? `${amount} ${formatWhole(period)}` : amount, isSet(quota) ? 'quota' : 'period')];
}

/** A burst may never exceed the quota, neither the old one nor the new: where both change, it is nothing meanwhile. */
function withBurst(file: string, { burst }: Cpu, quota: readonly CgroupWrite[]): CgroupWrite[] {
  if (burst === undefined) return [...quota];
  const last = write(file, burst, 'burst');
  return quota.length === 0 || burst === 0 ? [last, ...quota] : [write(file, 0, 'burst'), ...quota, last];
}

/**
 * v1 shares (2 … 262144) as a v2 weight (1 … 10000), on the straight line of runc 1.1, crun and Kubernetes. It makes 39 of the usual 1024 shares, where v2's
 * usual weight is 100, for which their newer versions bend it. We keep to the line: a weight only means something beside others', and those of a host's
 * other containers mostly come from it.
 */
export function weightOfShares(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((clamped - 2) * 9999) / 262_142);
}
