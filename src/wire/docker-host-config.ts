import type { DockerPortMap } from './docker-networks.ts';
import type { DockerMount } from './volumes.ts';

export interface DockerUlimit {
  Name: string;
  Soft: number;
  Hard: number;
}

export interface DockerDevice {
  PathOnHost: string;
  PathInContainer: string;
  CgroupPermissions: string;
}

export interface DockerDeviceRequest {
  Driver: string;
  Count: number;
  DeviceIDs: string[] | null;
  Capabilities: string[][] | null;
  Options: Record<string, string> | null;
}

/** What a container asks of the host, in Docker's fields. */
export interface DockerHostConfig {
  Binds: string[] | null;
  Mounts?: DockerMount[];
  ContainerIDFile: string;
  LogConfig: { Type: string; Config: Record<string, string> };
  NetworkMode: string;
  PortBindings: DockerPortMap;
  /** Delay and Window, in nanoseconds, are Orlop's own: `deploy.restart_policy` of Compose files. */
  RestartPolicy: { Name: string; MaximumRetryCount: number; Delay?: number; Window?: number };
  /** Orlop's own: what is done with a container that has become unhealthy. */
  OnUnhealthy?: string;
  /** Orlop's: settings by name, and profiles. */
  /** Orlop’s: `system` makes a machine of an image that has an init. */
  Kind?: 'app' | 'system';
  Settings?: Readonly<Record<string, string>>;
  Profiles?: readonly string[];
  AutoRemove: boolean;
  VolumeDriver: string;
  VolumesFrom: string[] | null;
  ConsoleSize: [number, number];
  CapAdd: string[] | null;
  CapDrop: string[] | null;
  CgroupnsMode: string;
  Dns: string[];
  DnsOptions: string[];
  DnsSearch: string[];
  ExtraHosts: string[] | null;
  GroupAdd: string[] | null;
  IpcMode: string;
  Cgroup: string;
  Links: string[] | null;
  OomScoreAdj: number;
  PidMode: string;
  Privileged: boolean;
  PublishAllPorts: boolean;
  ReadonlyRootfs: boolean;
  SecurityOpt: string[] | null;
  Tmpfs?: Record<string, string>;
  StorageOpt?: Record<string, string>;
  Sysctls?: Record<string, string>;
  Annotations?: Record<string, string>;
  UTSMode: string;
  UsernsMode: string;
  ShmSize: number;
  Runtime: string;
  Isolation: string;
  CpuShares: number;
  Memory: number;
  NanoCpus: number;
  CgroupParent: string;
  BlkioWeight: number;
  BlkioWeightDevice: { Path: string; Weight: number }[];
  BlkioDeviceReadBps: { Path: string; Rate: number }[];
  BlkioDeviceWriteBps: { Path: string; Rate: number }[];
  BlkioDeviceReadIOps: { Path: string; Rate: number }[];
  BlkioDeviceWriteIOps: { Path: string; Rate: number }[];
  CpuPeriod: number;
  CpuQuota: number;
  CpusetCpus: string;
  CpusetMems: string;
  CpuRealtimePeriod: number;
  CpuRealtimeRuntime: number;
  Devices: DockerDevice[] | null;
  DeviceCgroupRules: string[] | null;
  DeviceRequests: DockerDeviceRequest[] | null;
  /** Asked for, it is answered with a warning. */
  KernelMemory?: number;
  /** Of Windows. */
  CpuCount: number;
  CpuPercent: number;
  IOMaximumIOps: number;
  IOMaximumBandwidth: number;
  MemoryReservation: number;
  MemorySwap: number;
  MemorySwappiness: number | null;
  OomKillDisable: boolean | null;
  PidsLimit: number | null;
  Ulimits: DockerUlimit[] | null;
  Init?: boolean;
  MaskedPaths: string[] | null;
  ReadonlyPaths: string[] | null;
}
