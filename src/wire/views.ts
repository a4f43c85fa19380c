import type { EndpointView, EndpointWishes, NetworkMode, PortWish, PublishedPort } from './networks.ts';
import type { MountView, MountWish } from './volumes.ts';
import type { DeviceConfig } from './settings/devices.ts';
import type { DeviceRate, DeviceRequest, DeviceWeight, DeviceWish } from './devices.ts';
import type { BootView, HealthCheck, HealthView, UnhealthyAction } from './health.ts';

/**
 * What the route groups and the engine say to each other: shapes only, so that an edge depends on no engine.
 * Times are ns since the epoch, sizes bytes. The engine's own model satisfies these structurally.
 */
export type Kind = 'app' | 'system';
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'removing' | 'dead';
export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface Limits {
  readonly memoryBytes?: number;
  /** Memory and swap together; -1: unlimited swap. */
  readonly memorySwapBytes?: number;
  readonly memoryReservationBytes?: number;
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  /** -1: unlimited. */
  readonly pids?: number;
  /** Inclination to swap, 0 … 100. */
  readonly swappiness?: number;
  /** Want of memory makes processes wait and not die. */
  readonly noOutOfMemoryKill?: boolean;
  readonly realtimePeriodUs?: number;
  readonly realtimeRuntimeUs?: number;
  /** Share of block devices' time: 10 … 1000. */
  readonly ioWeight?: number;
  readonly ioWeightDevices?: readonly DeviceWeight[];
  readonly readBytes?: readonly DeviceRate[];
  readonly writeBytes?: readonly DeviceRate[];
  readonly readOperations?: readonly DeviceRate[];
  readonly writeOperations?: readonly DeviceRate[];
}

/** What happens when the process ends. `maximumRetries` only with `on-failure`; absent or 0: as often as it takes. */
export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  readonly maximumRetries?: number;
  /** Always this long between an end and the next start; absent: longer each time. */
  readonly delayMs?: number;
  /** A run that lasts this long was no failed try: tries are counted anew after it. Absent: all of them count. */
  readonly windowMs?: number;
}

export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** How output is kept: a driver, and options as Docker names them. */
export interface LogConfig {
  /** '' for the engine's own. */
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
}

/** What can be changed of a container that is there. */
export interface ContainerChange {
  readonly limits?: Limits;
  readonly restartPolicy?: RestartPolicy;
}

/** What a client asks for. Absent fields take the image's value, then the kind's default. */
export interface CreateRequest {
  readonly name?: string;
  readonly kind: Kind;
  readonly image: string;
  readonly entrypoint?: readonly string[] | null;
  readonly command?: readonly string[] | null;
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
  readonly consoleSize?: readonly [rows: number, columns: number];
  readonly stopSignal?: string;
  readonly stopTimeoutS?: number;
  /** In a container's view: as it was resolved. */
  readonly logging?: LogConfig;
  readonly autoRemove?: boolean;
  readonly restartPolicy?: RestartPolicy;
  readonly healthCheck?: HealthCheck;
  readonly onUnhealthy?: UnhealthyAction;
  readonly init?: boolean;
  /** For images that are made of it: the shell of instructions, and instructions for what is built on it. */
  readonly shell?: readonly string[];
  readonly onBuild?: readonly string[];
  /** Where a client has written the id down; kept for clients. */
  readonly idFile?: string;
  readonly privileged?: boolean;
  readonly userNamespace?: 'auto' | 'host';
  readonly network?: NetworkMode;
  /** `host`, or `container:` and a name or id; absent: its own. */
  readonly pidNamespace?: string;
  /** `private`, `shareable`, `host`, `none` (private, and without /dev/shm), or `container:` and a name or id. */
  readonly ipcNamespace?: string;
  readonly utsNamespace?: 'host';
  readonly cgroupNamespace?: 'private' | 'host';
  /** Where its cgroup is made: below each hierarchy's root, or without a leading slash below ours. */
  readonly cgroupParent?: string;
  readonly devices?: readonly DeviceWish[];
  /** `c 42:* rwm`, as cgroup-v1/devices.rst writes them. */
  readonly deviceRules?: readonly string[];
  readonly deviceRequests?: readonly DeviceRequest[];
  readonly readOnlyRoot?: boolean;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly noNewPrivileges?: boolean;
  readonly seccompProfile?: string;
  readonly appArmorProfile?: string;
  /** Docker's `--security-opt` texts, as they came. */
  readonly securityOptions?: readonly string[];
  /** Instead of those that are usual; an empty list hides nothing. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  /** For the OCI spec. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The runtime was asked for by its other name. */
  readonly runtimeName?: 'runc';
  /** Docker's word for Windows, which says nothing here: `default`. */
  readonly isolation?: string;
  readonly groupAdd?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly ulimits?: readonly Ulimit[];
  readonly shmSizeBytes?: number;
  readonly tmpfs?: Readonly<Record<string, string>>;
  readonly mounts?: readonly MountWish[];
  /** Containers whose mounts this one gets as well: `NAME[:ro|rw]`. */
  readonly volumesFrom?: readonly string[];
  /** Places that get a volume of their own; those that the image names count as well. */
  readonly volumes?: readonly string[];
  /** For volumes that the request makes. */
  readonly volumeDriver?: string;
  /** Options of the writable layer, such as `size`. */
  readonly storageOptions?: Readonly<Record<string, string>>;
  readonly oomScoreAdjust?: number;
  readonly limits?: Limits;
  readonly extraHosts?: readonly string[];
  /** Places in networks by the network's name or id, in the order in which they are taken; `network` names the first. */
  readonly endpoints?: Readonly<Record<string, EndpointWishes>>;
  /** Containers that it knows by further names, in the default network: `NAME[:ALIAS]`. */
  readonly links?: readonly string[];
  readonly ports?: readonly PortWish[];
  /** Every exposed port gets a port of the host. */
  readonly publishAll?: boolean;
  /** `80/tcp`, beyond those of the image. */
  readonly exposedPorts?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsSearch?: readonly string[];
  readonly dnsOptions?: readonly string[];
  /** Hardware address in the network that `network` names. */
  readonly mac?: string;
  /** By name, as `set` writes them, before what profiles say. In a container's view: those that have no field of their own. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Later ones before earlier ones; absent: the one called default, where there is one. */
  readonly profiles?: readonly string[];
  /** What was added by name, with `type` and the rest as it was given. */
  readonly namedDevices?: Readonly<Record<string, DeviceConfig>>;
}

/** What a container takes on disk. */
export interface ContainerSize {
  /** Of its own. */
  readonly writableBytes: number;
  /** What its own files hold, without directories: Docker's size of a container. */
  readonly contentBytes: number;
  /** With its image. */
  readonly rootBytes: number;
}

export interface ContainerView {
  readonly id: string;
  readonly name: string;
  readonly kind: Kind;
  readonly createdAtNs: bigint;
  readonly imageName: string;
  readonly imageId: string;
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
  readonly error: string;
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly restartCount: number;
  readonly logPath: string;
  readonly cgroupPath: string;
  readonly hostsPath: string;
  readonly hostnamePath: string;
  readonly resolvConfPath: string;
  readonly execIds: readonly string[];
  /** In the order in which they were taken. */
  readonly endpoints: readonly EndpointView[];
  readonly publishedPorts: readonly PublishedPort[];
  /** Who connects to one of its ports starts it. */
  readonly waitsForConnections?: boolean;
  readonly mounts: readonly MountView[];
  /** `/db:/web/alias` */
  readonly links: readonly string[];
  /** What others that link to it call it: `/web/alias`. */
  readonly linkNames: readonly string[];
  /** Of /proc and /sys; null: nothing, and no choice was made. */
  readonly hidden: { readonly maskedPaths: readonly string[] | null; readonly readonlyPaths: readonly string[] | null };
  /** As it is asked; absent: it is not. */
  readonly healthCheck?: HealthCheck;
  readonly health?: HealthView;
  /** Of a machine that runs and whose init can be asked. */
  readonly boot?: BootView;
}

export interface ContainerFilter {
  readonly all?: boolean;
  readonly limit?: number;
  readonly filters?: Readonly<Record<string, readonly string[]>>;
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
  /** In Docker's notation; absent: the usual ones. */
  readonly detachKeys?: string;
  readonly consoleSize?: readonly [rows: number, columns: number];
}

export interface ExecView {
  readonly id: string;
  readonly containerId: string;
  readonly request: ExecRequest;
  readonly running: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
}

export interface ImageView {
  readonly id: string;
  readonly names: readonly string[];
  readonly digests: readonly string[];
  readonly createdAtNs: bigint;
  /** When a name was last given to it; 0n: it has none. */
  readonly taggedAtNs: bigint;
  readonly sizeBytes: number;
  readonly kind: Kind;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: number;
  /** Id of the image that it was made from here, or ''. */
  readonly parent: string;
  readonly author: string;
  readonly architecture: string;
  readonly os: string;
  readonly config: {
    readonly entrypoint: readonly string[];
    readonly command: readonly string[];
    /** It is there, and empty: `CMD []`. */
    readonly emptyCommand?: true;
    readonly env: readonly string[];
    readonly workingDirectory: string;
    readonly user: string;
    readonly exposedPorts: readonly string[];
    readonly volumes: readonly string[];
    readonly healthCheck?: HealthCheck;
    readonly stopSignal: string;
    /** Of instructions in shell form, and instructions for what is built on it; absent: none. */
    readonly shell?: readonly string[];
    readonly onBuild?: readonly string[];
  };
  readonly diffIds: readonly string[];
  readonly history: readonly {
    readonly createdAtNs: bigint;
    readonly createdBy: string;
    readonly comment: string;
    readonly empty: boolean;
    /** On disk, unpacked. */
    readonly sizeBytes: number;
  }[];
}

export interface TemplateView {
  readonly name: string;
  readonly description: string;
  readonly variants: readonly { readonly name: string; readonly kind: Kind; readonly image: string; readonly built: boolean }[];
}

/** What one build of a template changes in its recipe. */
export interface BuildOverrides {
  /** Base address of a mirror, or of a snapshot of one. */
  readonly mirror?: string;
  /** Take package lists that are out of date: fixes may be missing. */
  readonly staleMirror?: boolean;
  /** Seconds since 1970: no file of the image is younger, and the image itself is as old. */
  readonly sourceDateEpoch?: number;
}

/** An image of LXD's on its way in. */
export interface LxdImport {
  /** A unified tarball; with `root`, a metadata tarball. */
  readonly metadata: AsyncIterable<Uint8Array>;
  /** A squashfs or a tar. */
  readonly root?: AsyncIterable<Uint8Array>;
  readonly name?: string;
  readonly progress?: (step: Progress) => void;
  readonly signal?: AbortSignal;
}

/** One step of a long operation. */
export interface Progress {
  readonly id?: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume' | 'daemon';
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
  /** How `--storage-opt size` and volumes of limited size are made on the data root's file system. */
  readonly diskLimits: 'project-quota' | 'image-file';
  /** The engine's own way to keep output, and those whose logs can be read. */
  readonly logDriver: string;
  readonly logDrivers: readonly string[];
  /** Descriptors that the engine has open, and what it waits for (timers, connections, requests to the kernel): what grows and stays shows a leak. */
  readonly openFiles: number;
  readonly pendingWork: number;
  readonly warnings: readonly string[];
}
