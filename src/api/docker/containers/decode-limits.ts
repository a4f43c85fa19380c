import { OrlopError } from '#errors';
import type { JsonReader } from '#api/http';
import type { Limits } from '#wire';

/** The limits of a HostConfig, or of an update; undefined when there are none. 0 is none. */
export function decodeLimits(host: JsonReader): Limits | undefined {
  const limits: Record<string, number | string> = {};
  const numbers = {
    memoryBytes: 'Memory',
    memorySwapBytes: 'MemorySwap',
    memoryReservationBytes: 'MemoryReservation',
    nanoCpus: 'NanoCpus',
    cpuShares: 'CpuShares',
    cpuQuotaUs: 'CpuQuota',
    cpuPeriodUs: 'CpuPeriod',
    pids: 'PidsLimit',
  } as const;
  for (const [name, field] of Object.entries(numbers)) {
    const value = host.integer(field);
    if (value !== 0) limits[name] = name === 'pids' ? Math.max(value, -1) : value;
  }
  for (const [name, field] of [
    ['cpusetCpus', 'CpusetCpus'],
    ['cpusetMems', 'CpusetMems'],
  ] as const) {
    if (host.text(field) !== '') limits[name] = host.text(field);
  }
  checkLimits(limits);
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** The combinations that Docker's daemon turns down before anything is made. */
function checkLimits({ memoryBytes, memorySwapBytes, memoryReservationBytes, nanoCpus, cpuQuotaUs, cpuPeriodUs }: Limits): void {
  const invalid = (message: string): OrlopError => new OrlopError('invalid-argument', 'DOCKER_BAD_LIMITS', message);
  const memory = memoryBytes ?? 0;
  const swap = memorySwapBytes ?? 0;
  if (memory !== 0 && memory < 6 * 1024 * 1024) throw invalid('Minimum memory limit allowed is 6MB');
  if (memory > 0 && swap > 0 && swap < memory) throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (memory === 0 && swap > 0) throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (memory > 0 && (memoryReservationBytes ?? 0) > memory)
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  if (nanoCpus !== undefined && (cpuQuotaUs !== undefined || cpuPeriodUs !== undefined)) {
    throw invalid('Conflicting options: Nano CPUs and CPU Period or Quota cannot both be set');
  }
  if ((nanoCpus ?? 0) < 0) throw invalid('Invalid value for NanoCPUs: it must be positive');
}
