import type { DockerHostConfig } from './docker-host-config.ts';
import type { DockerEndpointIpam, DockerEndpointWishes, DockerPort, DockerPortMap } from './docker-networks.ts';
import type { ErrorBody } from './error-body.ts';
import type { BootView } from './health.ts';
import type { DockerMountPoint } from './volumes.ts';

/**
 * JSON of the part of the Docker Engine API (v1.51) that Orlop serves, with Docker's own field names. Source: Docker Engine API reference.
 * Answers are described exactly; requests list what Orlop's own client sends (the server also accepts, or refuses by name, the rest).
 */
export interface DockerContainerConfig {
  Hostname: string;
  Domainname: string;
  User: string;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  ExposedPorts?: Record<string, Record<string, never>>;
  Tty: boolean;
  OpenStdin: boolean;
  StdinOnce: boolean;
  Env: string[];
  Cmd: string[] | null;
  Image: string;
  Volumes: Record<string, Record<string, never>> | null;
  WorkingDir: string;
  Entrypoint: string[] | null;
  /** Of clients before v1.44. */
  MacAddress?: string;
  OnBuild: string[] | null;
  Labels: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: DockerHealthcheck;
  StopTimeout?: number;
  Shell?: string[];
}

/** Durations in ns. */
export interface DockerHealthcheck {
  Test?: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

/** Body of `POST /containers/create`: the configuration with the host's part inside. */
export type DockerCreateBody = Partial<DockerContainerConfig> & {
  HostConfig?: Partial<DockerHostConfig>;
  NetworkingConfig?: { EndpointsConfig?: Record<string, DockerEndpointWishes> };
};

export interface DockerCreated {
  Id: string;
  Warnings: string[];
}

export interface DockerEndpoint {
  IPAMConfig: DockerEndpointIpam | null;
  Links: string[] | null;
  Aliases: string[] | null;
  MacAddress: string;
  DriverOpts: Record<string, string> | null;
  GwPriority: number;
  NetworkID: string;
  EndpointID: string;
  Gateway: string;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  DNSNames: string[] | null;
}

export interface DockerContainerSummary {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  Created: number;
  Ports: DockerPort[];
  Labels: Record<string, string>;
  State: string;
  Status: string;
  HostConfig: { NetworkMode: string; Annotations?: Record<string, string> };
  NetworkSettings: { Networks: Record<string, DockerEndpoint> };
  Mounts: DockerMountPoint[];
  /** Bytes that the container has written, and those together with its image's; only when asked for. */
  SizeRw?: number;
  SizeRootFs?: number;
}

export interface DockerContainerState {
  Status: string;
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
  /** Only Orlop has it: how far a machine is. */
  Boot?: BootView;
  Health?: { Status: string; FailingStreak: number; Log: { Start: string; End: string; ExitCode: number; Output: string }[] };
}

export interface DockerContainer {
  Id: string;
  Created: string;
  Path: string;
  Args: string[];
  State: DockerContainerState;
  Image: string;
  ResolvConfPath: string;
  HostnamePath: string;
  HostsPath: string;
  LogPath: string;
  Name: string;
  RestartCount: number;
  Driver: string;
  Platform: string;
  MountLabel: string;
  ProcessLabel: string;
  AppArmorProfile: string;
  ExecIDs: string[] | null;
  HostConfig: DockerHostConfig;
  GraphDriver: { Name: string; Data: Record<string, string> | null };
  Mounts: DockerMountPoint[];
  Config: DockerContainerConfig;
  SizeRw?: number;
  SizeRootFs?: number;
  NetworkSettings: {
    Bridge: string;
    SandboxID: string;
    SandboxKey: string;
    Ports: DockerPortMap;
    HairpinMode: boolean;
    LinkLocalIPv6Address: string;
    LinkLocalIPv6PrefixLen: number;
    SecondaryIPAddresses: null;
    SecondaryIPv6Addresses: null;
    EndpointID: string;
    Gateway: string;
    GlobalIPv6Address: string;
    GlobalIPv6PrefixLen: number;
    IPAddress: string;
    IPPrefixLen: number;
    IPv6Gateway: string;
    MacAddress: string;
    Networks: Record<string, DockerEndpoint>;
  };
}

export interface DockerWait {
  StatusCode: number;
  Error?: { Message: string };
}

export interface DockerTop {
  Titles: string[];
  Processes: string[][];
}

export interface DockerExecCreate {
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  Tty: boolean;
  Cmd: string[];
  Env?: string[];
  User?: string;
  WorkingDir?: string;
  Privileged?: boolean;
  DetachKeys?: string;
  ConsoleSize?: [number, number];
}

export interface DockerExecStart {
  Detach: boolean;
  Tty: boolean;
  ConsoleSize?: [number, number];
}

export interface DockerExec {
  ID: string;
  Running: boolean;
  ExitCode: number | null;
  ProcessConfig: { tty: boolean; entrypoint: string; arguments: string[]; privileged: boolean; user?: string };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  Pid: number;
}

export interface DockerImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  Created: number;
  Size: number;
  SharedSize: number;
  /** Before v1.44. */
  VirtualSize?: number;
  Labels: Record<string, string> | null;
  Containers: number;
}

export interface DockerImage {
  /** Until version 1.45, for clients of old. */
  Container?: string;
  /** The same as `Config`, likewise, at all times. */
  ContainerConfig?: DockerImage['Config'];
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created: string;
  DockerVersion: string;
  Author: string;
  Config: {
    Hostname: string;
    Domainname: string;
    User: string;
    AttachStdin: boolean;
    AttachStdout: boolean;
    AttachStderr: boolean;
    ExposedPorts?: Record<string, Record<string, never>>;
    Tty: boolean;
    OpenStdin: boolean;
    StdinOnce: boolean;
    Env: string[] | null;
    Cmd: string[] | null;
    Image: string;
    Volumes: Record<string, Record<string, never>> | null;
    WorkingDir: string;
    Entrypoint: string[] | null;
    OnBuild: string[] | null;
    Shell?: string[];
    Labels: Record<string, string> | null;
    StopSignal?: string;
    Healthcheck?: DockerHealthcheck;
  };
  Architecture: string;
  Os: string;
  Size: number;
  /** Before v1.44. */
  VirtualSize?: number;
  GraphDriver: { Name: string; Data: Record<string, string> | null };
  RootFS: { Type: string; Layers: string[] };
  Metadata: { LastTagTime: string };
}

export interface DockerHistoryEntry {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export type DockerDeleted = { Untagged: string } | { Deleted: string };

/** One line of a progress stream (`POST /images/create`). */
export interface DockerProgress {
  status?: string;
  id?: string;
  progressDetail?: { current?: number; total?: number };
  progress?: string;
  error?: string;
  /** Docker's clients take a `code` in here for a number. */
  errorDetail?: { message: string };
  /** What ours read: kind, code and hint survive the wire. */
  errorBody?: ErrorBody;
  aux?: { Tag: string; Digest: string; Size: number };
}

export interface DockerEvent {
  status?: string;
  id?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: string;
  time: number;
  timeNano: number;
}

export interface DockerVersion {
  Platform: { Name: string };
  Components: { Name: string; Version: string; Details: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  BuildTime: string;
}

export interface DockerInfo {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][];
  CgroupDriver: string;
  CgroupVersion: string;
  KernelVersion: string;
  OperatingSystem: string;
  OSType: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  DockerRootDir: string;
  Name: string;
  ServerVersion: string;
  SecurityOptions: string[];
  Warnings: string[] | null;
  [key: string]: unknown;
}
