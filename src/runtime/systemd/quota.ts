import type { LinuxResources } from '#oci';
import { infinity, property, type UnitProperty } from './property.ts';

const usualPeriodUs = 100_000;

/**
 * Microseconds in each second. systemd counts in whole hundredths of a processor: it is rounded up, so that the limit in the cgroup's own file, which comes after,
 * is not above its parent's.
 */
export function planQuota({ quota = 0, period = 0 }: NonNullable<LinuxResources['cpu']>, version: number): UnitProperty[] {
  if (quota === 0 && period === 0) return [];
  const perSecond = Math.floor((quota * 1_000_000) / (period || usualPeriodUs));
  return [
    ...(period !== 0 && version >= 242 ? [property('CPUQuotaPeriodUSec', 't', BigInt(period))] : []),
    property('CPUQuotaPerSecUSec', 't', quota > 0 ? BigInt(Math.ceil(perSecond / 10_000) * 10_000) : infinity),
  ];
}
