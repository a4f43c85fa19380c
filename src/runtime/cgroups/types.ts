import type { LinuxResources } from '#oci';

/** The controllers that we set or read. On v1 each is a hierarchy of its own or shares one (`cpu,cpuacct`). */
export type CgroupController =
  | 'cpu'
  | 'cpuacct'
  | 'cpuset'
  | 'memory'
  | 'pids'
  | 'devices'
  | 'freezer'
  | 'blkio'
  | 'hugetlb'
  | 'io'
  | 'rdma'
  | 'net_cls'
  | 'net_prio'
  | 'perf_event';

/** One mounted cgroup hierarchy. */
export interface CgroupHierarchy {
  /** Where it is mounted on the host. */
  readonly mountPoint: string;
  /** What is bound to it: names of v1 controllers, `name=systemd`, or nothing for cgroup2 (see `CgroupLayout.unifiedControllers`). */
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
}

/**
 * How this host mounts cgroups. `v2`: only cgroup2, with controllers · `v1`: only v1 hierarchies · `hybrid`: v1 controllers and a cgroup2
 * hierarchy that has none (systemd's hybrid layout).
 */
export interface CgroupLayout {
  readonly mode: 'v1' | 'hybrid' | 'v2';
  /** v1 hierarchies in mount order, then cgroup2 when it is mounted. */
  readonly hierarchies: readonly CgroupHierarchy[];
  /** Mount point of the cgroup2 hierarchy, or null. */
  readonly unified: string | null;
  /** Controllers that the cgroup2 hierarchy's root offers. */
  readonly unifiedControllers: readonly string[];
  /** Where no v1 hierarchy has the devices controller: whether the kernel takes device programs from us. */
  readonly devicePrograms?: boolean;
}

/** Where a controller's files of one cgroup are. */
export interface Place {
  readonly directory: string;
  readonly version: 1 | 2;
}

/** Pressure stall information (psi.rst): the share of time, in percent, in which some or all had to wait, and the sum of it. */
export interface Stall {
  readonly percent10: number;
  readonly percent60: number;
  readonly percent300: number;
  readonly totalUs: number;
}

/** `full` is missing where a kernel does not count it. */
export interface Pressure {
  readonly some: Stall;
  readonly full: Stall | null;
}

/** Figures of one cgroup. Times are microseconds of CPU, sizes are bytes; a limit of null means none. */
export interface CgroupStats {
  readonly cpu: {
    readonly usageUs: number;
    readonly userUs: number;
    readonly systemUs: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledUs: number;
    /** Periods in which saved-up time was used, and how much. */
    readonly bursts: number;
    readonly burstUs: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    readonly maxUsageBytes: number;
    readonly limitBytes: number | null;
    readonly cacheBytes: number;
    readonly swapBytes: number;
    /** Of swap alone on v2, of memory and swap together on v1. */
    readonly swapLimitBytes: number | null;
    readonly failures: number;
    readonly outOfMemoryKills: number;
    /** All of v2's memory.events: `low`, `high`, `max`, `oom`, `oom_kill`, `oom_group_kill`. Empty on v1. */
    readonly events: Readonly<Record<string, number>>;
    /** All of memory.stat. */
    readonly detail: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit: number | null };
  readonly io: readonly {
    readonly major: number;
    readonly minor: number;
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly reads: number;
    readonly writes: number;
  }[];
  readonly hugetlb: readonly {
    /** `2MB` */
    readonly pageSize: string;
    readonly usageBytes: number;
    /** null where the kernel keeps none: on v2. */
    readonly maxUsageBytes: number | null;
    readonly limitBytes: number | null;
    readonly failures: number;
  }[];
  readonly rdma: readonly {
    readonly device: string;
    readonly handles: number;
    readonly objects: number;
  }[];
  /** null where the kernel does not tell: on v1, or with psi=0. */
  readonly pressure: { readonly cpu: Pressure | null; readonly memory: Pressure | null; readonly io: Pressure | null };
}

/** One cgroup: the directory `path` in each hierarchy of the layout. Plain handle, holds no descriptor. */
export interface Cgroup {
  readonly layout: CgroupLayout;
  /** Below each mount point, without a leading slash: `orlop-1a2b3c/web`. */
  readonly path: string;
  /** The cgroup.procs file of each hierarchy: moves another process, after a wait of the kernel's (`enter_cgroup`). */
  readonly procsFiles: readonly string[];
  /** The tasks file of each v1 hierarchy: a thread moves itself without a wait (`join_cgroup`). */
  readonly taskFiles: readonly string[];
  /** The directory in the hierarchy that has this controller, or null when the host has none. */
  directoryOf(controller: CgroupController): string | null;
  /** The cgroup2 directory for CLONE_INTO_CGROUP, null where cgroup2 is not mounted. The path only: the caller opens and closes it. */
  readonly unifiedDirectory: string | null;
  /** Sets limits (runtime-spec config-linux, "Control groups"). What the host's controllers cannot do fails with `unimplemented`, naming the JSON path. */
  apply(resources: LinuxResources): void;
  /** Process ids in this cgroup and below it, in our pid namespace. */
  pids(): number[];
  stats(): CgroupStats;
  /** How many processes the kernel has killed here for want of memory. */
  outOfMemoryKills(): number;
  /** Stops every process in the cgroup; returns when all are stopped. `deadline-exceeded` after 10 s. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  isFrozen(): boolean;
  /** SIGKILL to every process in the cgroup and below it; returns when it is empty. `deadline-exceeded` after 10 s. */
  killAll(): Promise<void>;
  /** Removes it and all below it; absent is fine. `conflict` when processes are still in it. */
  remove(): Promise<void>;
  /** Hands the part that an unprivileged init may manage to this owner (cgroup-v2.rst, "Delegation"). */
  delegate(uid: number, gid: number): void;
}
