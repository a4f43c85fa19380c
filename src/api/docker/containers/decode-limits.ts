import { OrlopError } from '#errors';
import { compareVersions, type JsonReader } from '#api/http';
import type { DeviceRate, DeviceWeight, Limits } from '#wire';

/** The limits of a HostConfig, or with `update` of a change; undefined when there are none. 0 is none. */
export function decodeLimits(host: JsonReader, update?: { readonly apiVersion: string }): Limits | undefined {
  const numbers = { ...decodeNumbers(host), ...decodePids(host, update) };
  const limits = { ...numbers, ...decodeTexts(host), ...decodeMemoryBehaviour(host), ...decodeDeviceLimits(host, update !== undefined) };
  checkLimits(limits);
  return Object.keys(limits).length === 0 ? undefined : limits;
}

const numbers = {
  memoryBytes: 'Memory',
  memorySwapBytes: 'MemorySwap',
  memoryReservationBytes: 'MemoryReservation',
  nanoCpus: 'NanoCpus',
  cpuShares: 'CpuShares',
  cpuQuotaUs: 'CpuQuota',
  cpuPeriodUs: 'CpuPeriod',
  realtimePeriodUs: 'CpuRealtimePeriod',
  realtimeRuntimeUs: 'CpuRealtimeRuntime',
  ioWeight: 'BlkioWeight',
} as const;

function decodeNumbers(host: JsonReader): Limits {
  const limits: Record<string, number> = {};
  for (const [name, field] of Object.entries(numbers)) {
    const value = host.integer(field);
    if (value !== 0) limits[name] = value;
  }
  return limits;
}

/** 0 and less lift a limit that there is, and make none; clients from before 1.40 send a 0 that means nothing. */
function decodePids(host: JsonReader, update: { readonly apiVersion: string } | undefined): Limits {
  const pids = host.integer('PidsLimit');
  if (update === undefined) return pids > 0 ? { pids } : {};
  const isAsked = (host.raw('PidsLimit') ?? null) !== null && compareVersions(update.apiVersion, '1.40') >= 0;
  return isAsked ? { pids: pids > 0 ? pids : -1 } : {};
}

function decodeTexts(host: JsonReader): Limits {
  const [cpusetCpus, cpusetMems] = [host.text('CpusetCpus'), host.text('CpusetMems')];
  return { ...(cpusetCpus === '' ? {} : { cpusetCpus }), ...(cpusetMems === '' ? {} : { cpusetMems }) };
}

/** Here 0 is a value; -1 is what old clients send for "as the host has it". */
function decodeMemoryBehaviour(host: JsonReader): Limits {
  const swappiness = (host.raw('MemorySwappiness') ?? null) === null ? -1 : host.integer('MemorySwappiness');
  if (swappiness < -1 || swappiness > 100) throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  return { ...(swappiness === -1 ? {} : { swappiness }), ...(host.flag('OomKillDisable') ? { noOutOfMemoryKill: true } : {}) };
}

/** A rate or weight of 0 says something only of a container that is there. */
function decodeDeviceLimits(host: JsonReader, changes: boolean): Limits {
  const rates = (field: string): DeviceRate[] =>
    host
      .objects(field)
      .map((entry) => ({ path: entry.text('Path'), rate: positive(field, entry.integer('Rate')) }))
      .filter(({ rate }) => changes || rate > 0);
  const weights: DeviceWeight[] = host
    .objects('BlkioWeightDevice')
    .map((entry) => ({ path: entry.text('Path'), weight: checkWeight(entry.integer('Weight')) }))
    .filter(({ weight }) => changes || weight > 0);
  return {
    ...listOf('ioWeightDevices', weights),
    ...listOf('readBytes', rates('BlkioDeviceReadBps')),
    ...listOf('writeBytes', rates('BlkioDeviceWriteBps')),
    ...listOf('readOperations', rates('BlkioDeviceReadIOps')),
    ...listOf('writeOperations', rates('BlkioDeviceWriteIOps')),
  };
}

function positive(field: string, rate: number): number {
  if (rate < 0) throw invalid(`${field}: a rate cannot be negative`);
  return rate;
}

function checkWeight(weight: number): number {
  if (weight !== 0 && (weight < 10 || weight > 1000)) throw invalid('Range of blkio weight is from 10 to 1000');
  return weight;
}

/** The combinations that Docker's daemon turns down before anything is made. */
function checkLimits(limits: Limits): void {
  const { memoryBytes, memorySwapBytes, memoryReservationBytes, nanoCpus, cpuQuotaUs, cpuPeriodUs, cpuShares } = limits;
  const memory = memoryBytes ?? 0;
  const swap = memorySwapBytes ?? 0;
  if (memory !== 0 && memory < 6 * 1024 * 1024) throw invalid('Minimum memory limit allowed is 6MB');
  if (memory > 0 && swap > 0 && swap < memory) throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (memory === 0 && swap > 0) throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  if ((memoryReservationBytes ?? 0) > 0 && (memoryReservationBytes ?? 0) < 6 * 1024 * 1024)
    throw invalid('Minimum memory reservation allowed is 6MB');
  if (memory > 0 && (memoryReservationBytes ?? 0) > memory)
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  if (nanoCpus !== undefined && cpuPeriodUs !== undefined)
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (nanoCpus !== undefined && cpuQuotaUs !== undefined) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if ((nanoCpus ?? 0) < 0) throw invalid('Invalid value for NanoCPUs: it must be positive');
  if ((cpuShares ?? 0) < 0) throw invalid(`invalid CPU shares (${cpuShares}): value must be a positive integer`);
  if (cpuPeriodUs !== undefined && (cpuPeriodUs < 1000 || cpuPeriodUs > 1_000_000))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (cpuQuotaUs !== undefined && cpuQuotaUs > 0 && cpuQuotaUs < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  checkWeight(limits.ioWeight ?? 0);
  const { realtimePeriodUs = 0, realtimeRuntimeUs = 0 } = limits;
  if (realtimePeriodUs !== 0 && realtimeRuntimeUs > realtimePeriodUs)
    throw invalid('cpu real-time runtime cannot be higher than cpu real-time period');
}

function listOf<Key extends string, Item>(key: Key, items: readonly Item[]): { readonly [Name in Key]?: readonly Item[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { readonly [Name in Key]: readonly Item[] });
}

function invalid(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_LIMITS', message);
}
