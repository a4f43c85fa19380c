import type { DockerStats } from '#wire';

/** What a container uses; what only grows is in bytes since its start. */
export interface Usage {
  readonly id: string;
  readonly name: string;
  /** Of one processor: two that are busy are 2. null: nothing to compare with yet. */
  readonly processors: number | null;
  readonly memoryBytes: number;
  /** 0 where there is none. */
  readonly memoryLimitBytes: number;
  readonly processes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Two samples of a container, the second with what has been used since the first. Pure. */
export function usageOf(now: DockerStats, before: DockerStats | undefined): Usage {
  const networks = Object.values(now.networks ?? {});
  const network = (field: string): number => networks.reduce((total, counters) => total + (counters[field] ?? 0), 0);
  const moved = (op: string): number =>
    (now.blkio_stats.io_service_bytes_recursive ?? []).reduce((total, entry) => total + (entry.op === op ? entry.value : 0), 0);
  return {
    id: now.id,
    name: now.name.replace(/^\//, ''),
    processors: before === undefined ? null : processorShare(now, before),
    memoryBytes: memoryOf(now),
    memoryLimitBytes: now.memory_stats.limit ?? 0,
    processes: now.pids_stats.current ?? 0,
    receivedBytes: network('rx_bytes'),
    sentBytes: network('tx_bytes'),
    readBytes: moved('read'),
    writtenBytes: moved('write'),
  };
}

/** Without what the kernel can drop at any time; the field is that of cgroup v1, else of v2. */
function memoryOf({ memory_stats: { usage = 0, stats: detail = {} } }: DockerStats): number {
  const droppable = detail['total_inactive_file'] ?? detail['inactive_file'] ?? 0;
  return droppable < usage ? usage - droppable : usage;
}

function processorShare(now: DockerStats, before: DockerStats): number {
  const own = now.cpu_stats.cpu_usage.total_usage - before.cpu_stats.cpu_usage.total_usage;
  const host = (now.cpu_stats.system_cpu_usage ?? 0) - (before.cpu_stats.system_cpu_usage ?? 0);
  return own > 0 && host > 0 ? (own / host) * (now.cpu_stats.online_cpus ?? 1) : 0;
}
