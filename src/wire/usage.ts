import type { DockerStats } from './stats.ts';

/** What a running container uses, as people reckon it. Sizes are bytes; traffic is counted from its start. */
export interface Usage {
  readonly time: Date;
  /** Of one processor: two that are busy are 2. 0 where there is nothing to compare with. */
  readonly processors: number;
  /** Without what the kernel can drop at any time. */
  readonly memoryBytes: number;
  /** What it may use; of one without a limit, the host's. */
  readonly memoryLimitBytes: number;
  readonly pids: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** `before`: an earlier sample, which `now` is compared with. */
export function usageOf(now: DockerStats, before: DockerStats | undefined): Usage {
  const networks = Object.values(now.networks ?? {});
  const sum = (field: string): number => networks.reduce((total, counters) => total + (counters[field] ?? 0), 0);
  const moved = (op: string): number =>
    (now.blkio_stats.io_service_bytes_recursive ?? []).reduce((total, entry) => total + (entry.op === op ? entry.value : 0), 0);
  return {
    time: new Date(now.read),
    processors: processorsOf(now, before),
    memoryBytes: memoryOf(now),
    memoryLimitBytes: now.memory_stats.limit ?? 0,
    pids: now.pids_stats.current ?? 0,
    receivedBytes: sum('rx_bytes'),
    sentBytes: sum('tx_bytes'),
    readBytes: moved('read'),
    writtenBytes: moved('write'),
  };
}

/** The field is that of cgroup v1, else of v2. */
function memoryOf({ memory_stats: { usage = 0, stats: detail = {} } }: DockerStats): number {
  const droppable = detail['total_inactive_file'] ?? detail['inactive_file'] ?? 0;
  return droppable < usage ? usage - droppable : usage;
}

function processorsOf(now: DockerStats, before: DockerStats | undefined): number {
  if (before === undefined) return 0;
  const own = now.cpu_stats.cpu_usage.total_usage - before.cpu_stats.cpu_usage.total_usage;
  const host = (now.cpu_stats.system_cpu_usage ?? 0) - (before.cpu_stats.system_cpu_usage ?? 0);
  return own > 0 && host > 0 ? (own / host) * (now.cpu_stats.online_cpus ?? 1) : 0;
}
