import type { Duplex } from 'node:stream';

/** The two sets of defaults over one code path. */
export type Kind = 'app' | 'system';
export type ContainerId = string & { readonly __brand: 'ContainerId' };
export type ExecId = string & { readonly __brand: 'ExecId' };
export type NetworkMode = 'bridge' | 'none' | 'host';
/** `created` never ran · `running` · `paused` · `exited` ran and ended · `removing` · `dead` could not be removed whole. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'exited' | 'removing' | 'dead';

export interface Limits {
  /** Bytes; 0 or absent: no limit. */
  readonly memoryBytes?: number;
  readonly memorySwapBytes?: number;
  readonly memoryReservationBytes?: number;
  /** Billionths of a CPU, as Docker's NanoCpus. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  /** -1: unlimited. */
  readonly pids?: number;
}

export interface Ulimit {
  /** `nofile`, as in setrlimit(2) without RLIMIT_, lower case. */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** What a client asks for. Absent fields take the image's value, then the kind's default. */
export interface CreateRequest {
  readonly name?: string;
  readonly kind: Kind;
  readonly image: string;
  /** null keeps the image's; [] clears it. */
  readonly entrypoint?: readonly string[] | null;
  readonly command?: readonly string[] | null;
  /** `NAME=value`; a bare `NAME` removes it. */
  readonly env?: readonly string[];
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly terminal?: boolean;
  readonly openStdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly attachStdin?: boolean;
  readonly attachStdout?: boolean;
  readonly attachStderr?: boolean;
  /** Rows and columns of the terminal at start. */
  readonly consoleSize?: readonly [rows: number, columns: number];
  readonly stopSignal?: string;
  readonly stopTimeoutS?: number;
  readonly autoRemove?: boolean;
  readonly init?: boolean;
  readonly privileged?: boolean;
  /** `auto`: an own range · `host`: none. Absent: the kind's default (`host` when privileged or the host's namespaces are shared). */
  readonly userNamespace?: 'auto' | 'host';
  readonly network?: NetworkMode;
  readonly readOnlyRoot?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly noNewPrivileges?: boolean;
  /** `default`, `unconfined`, or an OCI/Docker profile as JSON text. */
  readonly seccompProfile?: string;
  readonly groupAdd?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly ulimits?: readonly Ulimit[];
  readonly shmSizeBytes?: number;
  /** Path → mount options text, as `--tmpfs /run:size=64m`. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  readonly oomScoreAdjust?: number;
  readonly limits?: Limits;
  readonly extraHosts?: readonly string[];
}

/** All that is known of a container. Times are ns since the epoch. */
export interface ContainerView {
  readonly id: ContainerId;
  readonly name: string;
  readonly kind: Kind;
  readonly createdAtNs: bigint;
  /** As asked for. */
  readonly imageName: string;
  /** `sha256:…` of the image config. */
  readonly imageId: string;
  /** Effective after merging image and request. */
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly request: CreateRequest;
  readonly env: readonly string[];
  readonly workingDirectory: string;
  readonly user: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  readonly networkMode: NetworkMode;
  readonly exposedPorts: readonly string[];
  readonly status: ContainerStatus;
  readonly pid: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** Why the last start failed, else ''. */
  readonly error: string;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly restartCount: number;
  readonly logPath: string;
  readonly cgroupPath: string;
  readonly hostsPath: string;
  readonly hostnamePath: string;
  readonly resolvConfPath: string;
  readonly execIds: readonly ExecId[];
  readonly address: {
    readonly ip: string;
    readonly prefixLength: number;
    readonly gateway: string;
    readonly mac: string;
    readonly endpointId: string;
  } | null;
}

export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** A byte pipe to the process: raw with a terminal, else Docker's multiplexed frames from it and raw bytes to it. Half-close ends its standard input. */
export interface AttachedStream {
  readonly stream: Duplex;
  readonly terminal: boolean;
}

export interface LogRequest {
  readonly follow: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
  /** Last N lines; absent: all. */
  readonly tail?: number;
}

export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  readonly timeNs: bigint;
  readonly data: Buffer;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly privileged?: boolean;
  readonly terminal: boolean;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  readonly consoleSize?: readonly [rows: number, columns: number];
}

export interface ExecView {
  readonly id: ExecId;
  readonly containerId: ContainerId;
  readonly request: ExecRequest;
  readonly running: boolean;
  /** null until it has ended. */
  readonly exitCode: number | null;
  readonly pid: number;
}

export interface ContainerFilter {
  /** Running ones only unless set. */
  readonly all?: boolean;
  /** Keep the newest N, whatever their state. */
  readonly limit?: number;
  /** Docker's filters: `name`, `id`, `status`, `label`, `ancestor`, `exited`, `before`, `since`, `network`, and ours: `kind`. */
  readonly filters?: Readonly<Record<string, readonly string[]>>;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface ExitFacts {
  readonly exitCode: number;
  readonly error?: string;
}

export interface ImageView {
  /** `sha256:…` of the config. */
  readonly id: string;
  readonly names: readonly string[];
  readonly digests: readonly string[];
  readonly createdAtNs: bigint;
  readonly sizeBytes: number;
  readonly kind: Kind;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: number;
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly entrypoint: readonly string[];
    readonly command: readonly string[];
    readonly env: readonly string[];
    readonly workingDirectory: string;
    readonly user: string;
    readonly exposedPorts: readonly string[];
    readonly volumes: readonly string[];
    readonly stopSignal: string;
  };
  readonly diffIds: readonly string[];
  readonly history: readonly {
    readonly createdAtNs: bigint;
    readonly createdBy: string;
    readonly comment: string;
    readonly empty: boolean;
  }[];
}

export interface TemplateView {
  /** `debian/trixie` */
  readonly name: string;
  readonly description: string;
  readonly variants: readonly { readonly name: string; readonly kind: Kind; readonly image: string; readonly built: boolean }[];
}

/** One line of progress, in the shape of Docker's pull stream. */
export interface Progress {
  readonly id?: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume' | 'daemon';
  /** Docker's action names: `create`, `start`, `die`, `exec_start`, … */
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
}

export interface EngineInfo {
  readonly id: string;
  readonly version: string;
  readonly buildId: string;
  readonly containers: { readonly running: number; readonly paused: number; readonly stopped: number };
  readonly images: number;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly cgroupVersion: '1' | '2' | 'hybrid';
  readonly cgroupDriver: 'cgroupfs';
  readonly kernel: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly hostname: string;
  readonly storageDriver: string;
  /** What this host lacks and what follows from it, one sentence each. */
  readonly warnings: readonly string[];
}

/** The engine's door: what the APIs are edges of. `ref` is an id, an unambiguous prefix of one, or a name; unknown: not-found; ambiguous: invalid-argument. */
export interface Engine extends AsyncDisposable {
  readonly containers: {
    /** Undone whole when a step fails. Name in use: conflict. Missing image: not-found. */
    create(request: CreateRequest): Promise<{ id: ContainerId; warnings: string[] }>;
    /** false: it was running already. */
    start(ref: string): Promise<boolean>;
    /** Signal, then KILL after the timeout (seconds; -1: never). false: it was not running. */
    stop(ref: string, options: { timeoutS?: number; signal?: string }): Promise<boolean>;
    restart(ref: string, options: { timeoutS?: number; signal?: string }): Promise<void>;
    /** Signal name or number as text; conflict when it is not running. */
    kill(ref: string, signal: string): Promise<void>;
    pause(ref: string): Promise<void>;
    unpause(ref: string): Promise<void>;
    rename(ref: string, name: string): Promise<void>;
    /** conflict when it runs and `force` is not set. */
    remove(ref: string, options: { force?: boolean; volumes?: boolean }): Promise<void>;
    wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<ExitFacts>;
    list(filter: ContainerFilter): ContainerView[];
    inspect(ref: string): ContainerView;
    /** A running container, or a created one: then the stream joins at its start and misses nothing. */
    attach(ref: string, request: AttachRequest): Promise<AttachedStream>;
    logs(ref: string, request: LogRequest, signal: AbortSignal): AsyncIterable<LogRecord>;
    resize(ref: string, rows: number, columns: number): Promise<void>;
    /** Process table of the container: titles and rows as `ps` prints them with these arguments. */
    top(ref: string, psArguments: string): Promise<{ titles: string[]; processes: string[][] }>;
  };
  readonly execs: {
    create(ref: string, request: ExecRequest): ExecId;
    /** null when detached. */
    start(
      id: string,
      options: { detach: boolean; terminal?: boolean; consoleSize?: readonly [number, number] },
    ): Promise<AttachedStream | null>;
    resize(id: string, rows: number, columns: number): Promise<void>;
    inspect(id: string): ExecView;
  };
  readonly images: {
    list(options: { all?: boolean; filters?: Readonly<Record<string, readonly string[]>> }): ImageView[];
    inspect(ref: string): ImageView;
    /** Untags, and deletes what nothing uses any more; conflict when a container uses it and `force` is not set. */
    remove(ref: string, options: { force?: boolean }): Promise<{ untagged: string[]; deleted: string[] }>;
    tag(ref: string, name: string): Promise<void>;
    /** A root tar (plain, gzip, zstd) becomes an image of one layer; changes are Dockerfile instructions (CMD, ENV, ENTRYPOINT, …). Returns its id. */
    importRoot(
      source: AsyncIterable<Uint8Array>,
      options: { name?: string; message?: string; changes?: readonly string[]; kind?: Kind },
    ): Promise<string>;
  };
  readonly templates: {
    list(): TemplateView[];
    /** Builds `debian/trixie` (all its default variants: app and systemd) or one variant `debian/trixie/systemd`; returns the image names. */
    build(name: string, options: { rebuild?: boolean; progress: (step: Progress) => void; signal: AbortSignal }): Promise<string[]>;
  };
  /** Creates and starts a system container. `source` is a template or an image; a template that is not built yet is built first. */
  launch(
    source: string,
    request: Omit<CreateRequest, 'image' | 'kind'>,
    options: { progress: (step: Progress) => void; signal: AbortSignal },
  ): Promise<{ id: ContainerId; name: string }>;
  info(): EngineInfo;
  events(
    options: { sinceNs?: bigint; untilNs?: bigint; filters?: Readonly<Record<string, readonly string[]>> },
    signal: AbortSignal,
  ): AsyncIterable<EngineEvent>;
}
