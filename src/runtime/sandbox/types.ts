import type { CpuAffinity, IdMapping, LinuxSeccomp, Process, Spec, State, TimeOffset } from '#oci';
import type { Addon, MonitorConnection } from '#sys';
import type { Cgroup } from '../cgroups/types.ts';
import type { Skeleton } from '../plan/skeleton.ts';
import type { Surroundings } from '../plan/surroundings.ts';
import type { CompiledSeccomp } from '../seccomp/index.ts';

/** The kernel's names, as in /proc/PID/ns. */
export type NamespaceName = 'user' | 'mnt' | 'pid' | 'net' | 'ipc' | 'uts' | 'cgroup' | 'time';

/** Absent `join`: a new one. Otherwise a descriptor of the namespace to join, borrowed for the call. */
export interface NamespaceRequest {
  readonly name: NamespaceName;
  readonly join?: number;
}

/** Lines of uid_map and gid_map (user_namespaces(7)). */
export interface IdMap {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

export interface SandboxOptions {
  readonly addon: Addon;
  /** Path of the bosun executable. */
  readonly bosun: string;
  readonly namespaces: readonly NamespaceRequest[];
  /** For a new user namespace: needed. For a joined one: its maps, so that ids can be translated. */
  readonly idMap?: IdMap;
  /** Entered before the process does anything. */
  readonly cgroup?: Cgroup;
  /** `required`: fail when the kernel forbids it; otherwise the kernel's refusal is ignored. */
  readonly oomScoreAdjust?: { readonly value: number; readonly required: boolean };
  /** time_namespaces(7); needs a new time namespace. */
  readonly timeOffsets?: Readonly<Record<string, TimeOffset>>;
  /** Built before the sandbox is ready, in a new mount namespace: only starts of containers with this skeleton can follow, and these are quick. */
  readonly skeleton?: Skeleton;
}

/** A parked process in its namespaces and cgroup, and the monitor that is its parent. It waits for `startContainer`. */
export interface Sandbox extends AsyncDisposable {
  /** Of the parked process, in our pid namespace. */
  readonly pid: number;
  /** The monitor. It is reaped here when it ends: nobody else needs to wait for it. */
  readonly monitor: { readonly pid: number };
  readonly connection: MonitorConnection;
  /** False once the process or its monitor has ended. */
  isAlive(): boolean;
  readonly namespaces: readonly NamespaceRequest[];
  readonly idMap: IdMap | null;
  readonly cgroup: Cgroup | null;
  readonly skeleton: Skeleton | null;
  readonly addon: Addon;
  /** A descriptor of one of the process's namespaces; the caller closes it. */
  openNamespace(name: NamespaceName): number;
  /** The host id that an id inside has; the same id without a user namespace; null when it is not mapped. */
  hostUid(uid: number): number | null;
  hostGid(gid: number): number | null;
  /** The process is somebody else's from now on: disposing does nothing. */
  release(): void;
}

/** Where the process's standard streams go. Ids of pipes are those of the process's user, translated. */
export type Stdio =
  | { readonly mode: 'null' }
  | { readonly mode: 'pipes'; readonly openStdin: boolean; readonly stdinOnce: boolean }
  /** The monitor holds the master, or it is sent over the connected socket `console` (OCI's console socket). */
  | { readonly mode: 'terminal'; readonly rows: number; readonly columns: number; readonly console?: number }
  | { readonly mode: 'inherit'; readonly stdin: number; readonly stdout: number; readonly stderr: number };

/** A client served from the first byte: one end of a connected stream socket. */
export interface AttachedClient {
  readonly socket: number;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Where output is kept, and how. */
export interface LogTarget {
  /** Descriptor that output is appended to. */
  readonly file: number;
  /** Docker's json-file (the default), or plain text as Kubernetes has it. */
  readonly format?: 'json-file' | 'plain';
  /** Of json-file: what stands in each record behind the stream, `,"attrs":{…}`; at most 8 KiB. */
  readonly attributes?: string;
  /** The file is one of a row that goes on by itself; absent: it grows. */
  readonly row?: LogRow;
  /** Of a row: so many bytes of output may wait for the disk, what comes then is lost. Absent: the process waits for the disk. */
  readonly bufferBytes?: number;
}

/** Files `name.1`, `name.2`, … in a directory. The last is written; `name` alone means the same. */
export interface LogRow {
  readonly directory: number;
  /** At most 63 bytes. */
  readonly name: string;
  /** Of the file that is written at first. */
  readonly number: number;
  /** When the next file is begun: bytes, and ns from a file's first record; 0: no limit. */
  readonly sizeBytes: number;
  readonly ageNs: bigint;
  /** Time of that file's first record, in ns since the epoch; 0 when it has none. */
  readonly bornNs: bigint;
  /** How many files stay, 1 or more. */
  readonly files: number;
}

export interface CommonStart {
  readonly stdio: Stdio;
  /** Descriptor of a prepared monitor directory (control.sock, attach.sock, exit). Absent: none is kept. */
  readonly monitorDirectory?: number;
  /** Absent: nothing is logged. */
  readonly log?: LogTarget;
  readonly clients?: readonly AttachedClient[];
  /** A compiled filter used instead of compiling the spec's profile again. */
  readonly seccomp?: { readonly filter: Uint8Array; readonly flags: number };
  /** Instead of `compileSeccomp`, for a caller that remembers what it has compiled. */
  readonly compile?: (profile: LinuxSeccomp) => CompiledSeccomp;
  /** Name of the new session keyring; null keeps ours. Absent: a new one without a name. */
  readonly keyring?: string | null;
  /** The process gets these as descriptors 3, 4, …. */
  readonly passed?: readonly number[];
}

/** Descriptors are borrowed: the caller closes them after the call. */
export interface StartOptions extends CommonStart {
  /** The spec's namespaces, id mappings, cgroupsPath and resources are ignored here: the sandbox has them already. */
  readonly spec: Spec;
  /** A detached mount (over the host directory `at`, else over `/` of the new mount namespace), or a host path. */
  readonly root: { readonly mount: number; readonly at?: number } | { readonly path: string };
  /** Where that mount's tree lies on the host: sources of bind mounts below it are then looked for inside, where earlier mounts have changed them. */
  readonly rootPath?: string;
  /** Detached mounts that replace the source of the spec's mount with this destination. */
  readonly mounts?: ReadonlyMap<string, number>;
  /** Stop before the program: state `created` until `connection.start()`. */
  readonly waitForStart?: boolean;
  /** Descriptor of a directory with a FIFO `start.fifo`: with `waitForStart`, opening that for reading lets the program go on. */
  readonly startFifo?: number;
  /** chroot(2) instead of pivot_root(2). */
  readonly noPivot?: boolean;
  /**
   * In the end all mounts are shared with the mount namespaces that are made inside, and with nobody outside (mount_namespaces(7)). systemd does so itself when the kernel starts it, and
   * expects it of whoever starts it in a container: what it mounts in a namespace on the side, as credentials of services are, is to be seen by all.
   */
  readonly sharedInside?: boolean;
  /** What hooks are told; the pid is filled in. */
  readonly state?: State;
}

export interface Started {
  /** In our pid namespace. */
  readonly pid: number;
  readonly state: 'created' | 'running';
  readonly connection: MonitorConnection;
  readonly monitor: { readonly pid: number };
}

/** One more process in a running container. */
export interface ExecSandboxOptions {
  readonly addon: Addon;
  readonly bosun: string;
  /** The container's first process, in our pid namespace. */
  readonly pid: number;
  /** pidfd of it when the caller has one: safe against reuse of the id. Borrowed. */
  readonly pidfd?: number;
  /** Which of its namespaces to join: those that differ from ours when absent. */
  readonly namespaces?: readonly NamespaceName[];
  readonly idMap?: IdMap;
  readonly cgroup?: Cgroup;
  readonly oomScoreAdjust?: { readonly value: number; readonly required: boolean };
  /** Where whoever makes the process runs (`initial`) before it enters the cgroup. */
  readonly affinity?: CpuAffinity;
}

export interface ExecOptions extends CommonStart {
  readonly process: Process;
  /** The container's seccomp profile (spec.linux.seccomp), unless `seccomp` is given compiled. */
  readonly profile?: LinuxSeccomp;
  /** The container's, for a profile that asks a supervisor. */
  readonly state?: State;
  /** The container's personality and memory policy (spec.linux). */
  readonly surroundings?: Surroundings;
}
