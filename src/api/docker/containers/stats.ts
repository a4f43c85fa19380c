import { setTimeout as delay } from 'node:timers/promises';
import { isOrlopError, OrlopError } from '#errors';
import type { Exchange } from '#api/http';
import {
  formatTime,
  zeroTime,
  type ContainerSample,
  type ContainerView,
  type DockerBlkioEntry,
  type DockerCpuStats,
  type DockerStats,
} from '#wire';
import type { ContainerBackend } from './backend.ts';

const pauseMs = 1000;

/** `GET /containers/{id}/stats`: a line a second; with `stream=false` one, with the second before it unless `one-shot`. Ends with the container's removal. */
export async function sendStats({ containers }: ContainerBackend, exchange: Exchange): Promise<void> {
  const view = containers.inspect(exchange.parameters['id'] ?? '');
  const { query, signal } = exchange;
  const oneShot = query.flag('one-shot');
  if (query.has('stream') && !query.flag('stream')) {
    const first = oneShot ? null : containers.sample(view.id);
    if (first !== null) await pause(signal);
    exchange.json(200, statsOf(view, containers.sample(view.id), first));
    return;
  }
  if (oneShot) throw new OrlopError('invalid-argument', 'DOCKER_BAD_STATS', 'cannot have stream=true and one-shot=true');
  const out = exchange.stream(200, 'application/json');
  let before: ContainerSample | null = null;
  while (!signal.aborted) {
    const now = sampleOrGone(containers, view.id);
    if (now === undefined) return;
    await out.write(`${JSON.stringify(statsOf(view, now, before))}\n`);
    before = now;
    await pause(signal);
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await delay(pauseMs, undefined, { signal }).catch(() => undefined);
}

/** undefined: the container has been removed. */
function sampleOrGone(containers: ContainerBackend['containers'], id: string): ContainerSample | null | undefined {
  try {
    return containers.sample(id);
  } catch (error) {
    if (isOrlopError(error, 'not-found')) return undefined;
    throw error;
  }
}

const noCpu: DockerCpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** Of a container that does not run all is nothing. */
export function statsOf(view: ContainerView, now: ContainerSample | null, before: ContainerSample | null): DockerStats {
  return {
    read: now === null ? zeroTime : formatTime(now.timeNs),
    preread: before === null ? zeroTime : formatTime(before.timeNs),
    pids_stats: now === null ? {} : { current: now.pids.current, ...(now.pids.limit === null ? {} : { limit: now.pids.limit }) },
    blkio_stats: {
      io_service_bytes_recursive: entries(now, (io) => [io.readBytes, io.writtenBytes]),
      io_serviced_recursive: entries(now, (io) => [io.reads, io.writes]),
      io_queue_recursive: null,
      io_service_time_recursive: null,
      io_wait_time_recursive: null,
      io_merged_recursive: null,
      io_time_recursive: null,
      sectors_recursive: null,
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: now === null ? noCpu : cpuOf(now),
    precpu_stats: before === null ? noCpu : cpuOf(before),
    memory_stats: now === null ? {} : memoryOf(now),
    name: `/${view.name}`,
    id: view.id,
    ...(now === null || now.networks === null ? {} : { networks: networksOf(now.networks) }),
  };
}

function cpuOf({ cpu }: ContainerSample): DockerCpuStats {
  return {
    cpu_usage: { total_usage: cpu.usageNs, usage_in_kernelmode: cpu.kernelNs, usage_in_usermode: cpu.userNs },
    system_cpu_usage: cpu.hostNs,
    online_cpus: cpu.processors,
    throttling_data: { periods: cpu.periods, throttled_periods: cpu.throttledPeriods, throttled_time: cpu.throttledNs },
  };
}

function memoryOf({ memory, hostMemoryBytes }: ContainerSample): DockerStats['memory_stats'] {
  return {
    usage: memory.usageBytes,
    ...(memory.maxUsageBytes === 0 ? {} : { max_usage: memory.maxUsageBytes }),
    stats: { ...memory.detail },
    ...(memory.failures === 0 ? {} : { failcnt: memory.failures }),
    limit: Math.min(memory.limitBytes ?? hostMemoryBytes, hostMemoryBytes),
  };
}

function entries(
  sample: ContainerSample | null,
  pick: (io: ContainerSample['io'][number]) => readonly [read: number, written: number],
): DockerBlkioEntry[] | null {
  if (sample === null || sample.io.length === 0) return null;
  return sample.io.flatMap((io) => {
    const { major, minor } = io;
    const [read, written] = pick(io);
    return [
      { major, minor, op: 'read', value: read },
      { major, minor, op: 'write', value: written },
    ];
  });
}

function networksOf(networks: NonNullable<ContainerSample['networks']>): Record<string, Record<string, number>> {
  const rows = Object.entries(networks).map(([name, counters]) => [
    name,
    {
      rx_bytes: counters.rxBytes,
      rx_packets: counters.rxPackets,
      rx_errors: counters.rxErrors,
      rx_dropped: counters.rxDropped,
      tx_bytes: counters.txBytes,
      tx_packets: counters.txPackets,
      tx_errors: counters.txErrors,
      tx_dropped: counters.txDropped,
    },
  ]);
  return Object.fromEntries(rows) as Record<string, Record<string, number>>;
}
