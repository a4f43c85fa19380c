import type { LinuxResources } from '#oci';
import { formatLimit, formatWhole, refuseResource, type CgroupVersion, type CgroupWrite } from './writes.ts';

type Cpu = NonNullable<LinuxResources['cpu']>;

const at = 'linux.resources.cpu';
const defaultPeriodUs = 100_000;

export function planCpu(cpu: Cpu, version: CgroupVersion): CgroupWrite[] {
  return version === 1 ? planV1(cpu) : planV2(cpu);
}

/** scheduler/sched-bwc.rst. The period comes first: the kernel checks a quota against it. */
function planV1(cpu: Cpu): CgroupWrite[] {
  const write = (file: string, value: number | undefined, name: string): CgroupWrite[] =>
    value === undefined || value === 0 ? [] : [{ controller: 'cpu', file, value: formatWhole(value), about: `${at}.${name}` }];
  return [
    ...write('cpu.shares', cpu.shares, 'shares'),
    ...write('cpu.cfs_period_us', cpu.period, 'period'),
    ...write('cpu.cfs_quota_us', cpu.quota, 'quota'),
    ...write('cpu.cfs_burst_us', cpu.burst, 'burst'),
    ...write('cpu.rt_period_us', cpu.realtimePeriod, 'realtimePeriod'),
    ...write('cpu.rt_runtime_us', cpu.realtimeRuntime, 'realtimeRuntime'),
    ...planIdle(cpu.idle),
  ];
}

/** cgroup-v2.rst, "CPU". */
function planV2(cpu: Cpu): CgroupWrite[] {
  if ((cpu.realtimePeriod ?? 0) !== 0 || (cpu.realtimeRuntime ?? 0) !== 0)
    throw refuseResource(`${at}.realtimeRuntime`, 'cgroup v2 has no real-time budget');
  const writes: CgroupWrite[] = planIdle(cpu.idle);
  if (cpu.shares !== undefined && cpu.shares !== 0) {
    writes.push({ controller: 'cpu', file: 'cpu.weight', value: String(weightOfShares(cpu.shares)), about: `${at}.shares` });
  }
  if ((cpu.quota ?? 0) !== 0 || (cpu.period ?? 0) !== 0) {
    const value = `${formatLimit(cpu.quota === undefined || cpu.quota === 0 ? -1 : cpu.quota)} ${formatWhole(cpu.period || defaultPeriodUs)}`;
    writes.push({ controller: 'cpu', file: 'cpu.max', value, about: `${at}.quota` });
  }
  if (cpu.burst !== undefined && cpu.burst !== 0) {
    writes.push({ controller: 'cpu', file: 'cpu.max.burst', value: formatWhole(cpu.burst), about: `${at}.burst` });
  }
  return writes;
}

function planIdle(idle: number | undefined): CgroupWrite[] {
  return idle === undefined ? [] : [{ controller: 'cpu', file: 'cpu.idle', value: String(idle), about: `${at}.idle` }];
}

/**
 * v1 shares (2 … 262144, default 1024) as a v2 weight (1 … 10000, default 100). The curve runs through the three pairs (2, 1),
 * (1024, 100) and (262144, 10000), so that the default stays the default; runc and crun use the same one.
 */
export function weightOfShares(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262_144);
  const bits = Math.log2(clamped);
  const exponent = (bits * bits + 125 * bits) / 612 - 7 / 34;
  return Math.min(Math.max(Math.ceil(10 ** exponent - 1e-9), 1), 10_000);
}
