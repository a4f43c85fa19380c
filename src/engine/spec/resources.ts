import type { LinuxResources } from '#oci';
import type { Limits } from '../model.ts';

const cpuPeriodUs = 100_000;

/** Limits as runtime-spec config-linux "Control groups" has them; absent limits stay absent. */
export function limitsToResources(limits: Limits): LinuxResources {
  const memory = {
    ...positive('limit', limits.memoryBytes),
    ...positive('reservation', limits.memoryReservationBytes),
    ...(limits.memorySwapBytes === undefined || limits.memorySwapBytes === 0 ? {} : { swap: limits.memorySwapBytes }),
  };
  const cpu = {
    ...positive('shares', limits.cpuShares),
    ...quotaOf(limits),
    ...(limits.cpusetCpus === undefined || limits.cpusetCpus === '' ? {} : { cpus: limits.cpusetCpus }),
    ...(limits.cpusetMems === undefined || limits.cpusetMems === '' ? {} : { mems: limits.cpusetMems }),
  };
  return {
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(limits.pids === undefined || limits.pids === 0 ? {} : { pids: { limit: limits.pids } }),
  };
}

function positive<Name extends string>(name: Name, value: number | undefined): Partial<Record<Name, number>> {
  return value === undefined || value <= 0 ? {} : ({ [name]: value } as Record<Name, number>);
}

function quotaOf(limits: Limits): { quota?: number; period?: number } {
  if (limits.nanoCpus !== undefined && limits.nanoCpus > 0) {
    return { period: cpuPeriodUs, quota: Math.round((limits.nanoCpus / 1e9) * cpuPeriodUs) };
  }
  return { ...positive('quota', limits.cpuQuotaUs), ...positive('period', limits.cpuPeriodUs) };
}
