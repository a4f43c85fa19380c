import type { LinuxResources } from '#oci';
import { limitsToResources, type FindDevice } from '../spec/resources.ts';
import type { Limits } from '../model.ts';

/** What takes the place of a limit that is gone. */
export interface Unlimited {
  /** All processors of the host, as cpuset(7) lists them. */
  readonly cpus: string;
  /** The usual weight, in shares of v1. */
  readonly cpuShares: number;
}

type Rates = 'readBytes' | 'writeBytes' | 'readOperations' | 'writeOperations';

const throttles: readonly (readonly [Rates, keyof NonNullable<LinuxResources['blockIO']>])[] = [
  ['readBytes', 'throttleReadBpsDevice'],
  ['writeBytes', 'throttleWriteBpsDevice'],
  ['readOperations', 'throttleReadIOPSDevice'],
  ['writeOperations', 'throttleWriteIOPSDevice'],
];

/** What a cgroup under some limits is told so that it is under others; null when that is nothing. Limits that settings are not about stay as they are. Pure. */
export function planLimitChange(before: Limits, after: Limits, find: FindDevice, unlimited: Unlimited): LinuxResources | null {
  const isSame = (...names: readonly (keyof Limits)[]): boolean =>
    names.every((name) => JSON.stringify(before[name]) === JSON.stringify(after[name]));
  const wanted = limitsToResources(after, find);
  const { memoryBytes = 0, memorySwapBytes = 0 } = after;
  const resources: LinuxResources = {
    ...(isSame('memoryBytes', 'memorySwapBytes')
      ? {}
      : { memory: { limit: memoryBytes > 0 ? memoryBytes : -1, swap: memorySwapBytes === 0 ? -1 : memorySwapBytes } }),
    ...(isSame('nanoCpus', 'cpuQuotaUs', 'cpuPeriodUs', 'cpuShares', 'cpusetCpus')
      ? {}
      : { cpu: planCpu(before, after, wanted, unlimited) }),
    ...(isSame('pids') ? {} : { pids: { limit: (after.pids ?? 0) > 0 ? after.pids : -1 } }),
    ...(isSame(...throttles.map(([name]) => name)) ? {} : { blockIO: planThrottles(before, after, wanted, find) }),
  } as LinuxResources;
  return Object.keys(resources).length === 0 ? null : resources;
}

function planCpu(before: Limits, after: Limits, { cpu = {} }: LinuxResources, unlimited: Unlimited): NonNullable<LinuxResources['cpu']> {
  const isGone = (isSet: (limits: Limits) => boolean): boolean => isSet(before) && !isSet(after);
  return {
    ...(isGone(({ nanoCpus = 0, cpuQuotaUs = 0 }) => nanoCpus > 0 || cpuQuotaUs > 0) ? { quota: -1, period: 100_000 } : {}),
    ...(isGone(({ cpuShares = 0 }) => cpuShares > 0) ? { shares: unlimited.cpuShares } : {}),
    ...(isGone(({ cpusetCpus = '' }) => cpusetCpus !== '') ? { cpus: unlimited.cpus } : {}),
    // A quota that is given alone is one of the usual period, whatever the last one was.
    ...(cpu.quota !== undefined && cpu.period === undefined ? { period: 100_000 } : {}),
    ...cpu,
  };
}

function planThrottles(
  before: Limits,
  after: Limits,
  { blockIO = {} }: LinuxResources,
  find: FindDevice,
): NonNullable<LinuxResources['blockIO']> {
  const lists = throttles.map(([name, field]) => {
    const gone = (before[name] ?? []).filter(({ path }) => !(after[name] ?? []).some((other) => other.path === path));
    const kept = (blockIO[field] ?? []) as readonly { major: number; minor: number; rate: number }[];
    return [field, [...gone.map(({ path }) => ({ ...find(path), rate: 0 })), ...kept]] as const;
  });
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0));
}
