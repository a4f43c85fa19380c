import type { LinuxResources } from '#oci';
import type { DeviceRate } from '#wire';
import type { Limits } from '../model.ts';

export interface DeviceNumbers {
  readonly major: number;
  readonly minor: number;
}

/** What a device file of the host stands for. */
export type FindDevice = (path: string) => DeviceNumbers;

const cpuPeriodUs = 100_000;

/** Limits as runtime-spec config-linux "Control groups" has them; absent limits stay absent. */
export function limitsToResources(limits: Limits, find: FindDevice): LinuxResources {
  const blockIO = blockIoOf(limits, find);
  const memory = {
    ...positive('limit', limits.memoryBytes),
    ...positive('reservation', limits.memoryReservationBytes),
    ...(limits.memorySwapBytes === undefined || limits.memorySwapBytes === 0 ? {} : { swap: limits.memorySwapBytes }),
    ...(limits.swappiness === undefined ? {} : { swappiness: limits.swappiness }),
    ...(limits.noOutOfMemoryKill === true ? { disableOOMKiller: true } : {}),
  };
  const cpu = {
    ...positive('shares', limits.cpuShares),
    ...quotaOf(limits),
    ...positive('realtimePeriod', limits.realtimePeriodUs),
    ...positive('realtimeRuntime', limits.realtimeRuntimeUs),
    ...(limits.cpusetCpus === undefined || limits.cpusetCpus === '' ? {} : { cpus: limits.cpusetCpus }),
    ...(limits.cpusetMems === undefined || limits.cpusetMems === '' ? {} : { mems: limits.cpusetMems }),
  };
  return {
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(limits.pids === undefined || limits.pids === 0 ? {} : { pids: { limit: limits.pids } }),
    ...(Object.keys(blockIO).length === 0 ? {} : { blockIO }),
  };
}

function blockIoOf(limits: Limits, find: FindDevice): NonNullable<LinuxResources['blockIO']> {
  const rates = (list: readonly DeviceRate[] = []) => list.map(({ path, rate }) => ({ ...find(path), rate }));
  const lists = {
    weightDevice: (limits.ioWeightDevices ?? []).map(({ path, weight }) => ({ ...find(path), weight })),
    throttleReadBpsDevice: rates(limits.readBytes),
    throttleWriteBpsDevice: rates(limits.writeBytes),
    throttleReadIOPSDevice: rates(limits.readOperations),
    throttleWriteIOPSDevice: rates(limits.writeOperations),
  };
  return { ...positive('weight', limits.ioWeight), ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)) };
}

function positive<Name extends string>(name: Name, value: number | undefined): Partial<Record<Name, number>> {
  return value === undefined || value <= 0 ? {} : ({ [name]: value } as Record<Name, number>);
}

function quotaOf(limits: Limits): { quota?: number; period?: number } {
  if (limits.nanoCpus !== undefined && limits.nanoCpus > 0) {
    return { period: cpuPeriodUs, quota: Math.round((limits.nanoCpus / 1e9) * cpuPeriodUs) };
  }
  const { cpuQuotaUs: quota = 0 } = limits;
  // -1 lifts a quota that there was.
  return { ...(quota === 0 ? {} : { quota }), ...positive('period', limits.cpuPeriodUs) };
}
