/** What a running container uses, counted from its start. Times are ns of CPU, sizes bytes; a limit of null means none. */
export interface ContainerSample {
  readonly timeNs: bigint;
  readonly cpu: {
    readonly usageNs: number;
    readonly userNs: number;
    readonly kernelNs: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNs: number;
    /** CPU time of the whole host, busy or idle, on all its processors. */
    readonly hostNs: number;
    readonly processors: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    readonly maxUsageBytes: number;
    readonly limitBytes: number | null;
    readonly failures: number;
    /** memory.stat of the kernel's version. */
    readonly detail: Readonly<Record<string, number>>;
  };
  readonly hostMemoryBytes: number;
  readonly pids: { readonly current: number; readonly limit: number | null };
  readonly io: readonly {
    readonly major: number;
    readonly minor: number;
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly reads: number;
    readonly writes: number;
  }[];
  /** By interface, without the loopback; null in the host's network. */
  readonly networks: Readonly<Record<string, InterfaceCounters>> | null;
}

export interface InterfaceCounters {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

export interface DockerCpuStats {
  cpu_usage: { total_usage: number; usage_in_kernelmode: number; usage_in_usermode: number };
  system_cpu_usage?: number;
  online_cpus?: number;
  throttling_data: { periods: number; throttled_periods: number; throttled_time: number };
}

export interface DockerBlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

/** A line of `GET /containers/{id}/stats`. */
export interface DockerStats {
  read: string;
  preread: string;
  pids_stats: { current?: number; limit?: number };
  blkio_stats: {
    io_service_bytes_recursive: DockerBlkioEntry[] | null;
    io_serviced_recursive: DockerBlkioEntry[] | null;
    io_queue_recursive: null;
    io_service_time_recursive: null;
    io_wait_time_recursive: null;
    io_merged_recursive: null;
    io_time_recursive: null;
    sectors_recursive: null;
  };
  num_procs: 0;
  storage_stats: Record<string, never>;
  cpu_stats: DockerCpuStats;
  precpu_stats: DockerCpuStats;
  memory_stats: { usage?: number; max_usage?: number; stats?: Record<string, number>; failcnt?: number; limit?: number };
  name: string;
  id: string;
  networks?: Record<string, Record<string, number>>;
}
