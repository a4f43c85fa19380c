import type { LinuxResources } from './resources.ts';
import type { LinuxSeccomp } from './seccomp.ts';
import type { IdMapping } from './spec.ts';

/** runtime-spec config-linux. */
export interface Linux {
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  readonly timeOffsets?: Readonly<Record<string, TimeOffset>>;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly resources?: LinuxResources;
  readonly cgroupsPath?: string;
  readonly namespaces?: readonly LinuxNamespace[];
  readonly devices?: readonly LinuxDevice[];
  /** runtime-spec 1.3: host interfaces to move into the container, by their host name. */
  readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>;
  readonly seccomp?: LinuxSeccomp;
  readonly rootfsPropagation?: RootfsPropagation;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly mountLabel?: string;
  readonly intelRdt?: IntelRdt;
  /** runtime-spec 1.3: set_mempolicy(2). */
  readonly memoryPolicy?: { readonly mode?: string; readonly nodes?: string; readonly flags?: readonly string[] };
  readonly personality?: { readonly domain: 'LINUX' | 'LINUX32'; readonly flags?: readonly string[] };
}

export const namespaceTypes = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const;
export type NamespaceType = (typeof namespaceTypes)[number];

export interface LinuxNamespace {
  readonly type: NamespaceType;
  /** Absent: a new one. */
  readonly path?: string;
}

export interface TimeOffset {
  readonly secs?: number;
  readonly nanosecs?: number;
}

export const rootfsPropagations = ['shared', 'slave', 'private', 'unbindable', 'rshared', 'rslave', 'rprivate', 'runbindable'] as const;
export type RootfsPropagation = (typeof rootfsPropagations)[number];

export interface LinuxDevice {
  readonly path: string;
  /** c and u: character; b: block; p: fifo. */
  readonly type: 'c' | 'u' | 'b' | 'p';
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface IntelRdt {
  readonly closID?: string;
  readonly schemata?: readonly string[];
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly enableCMT?: boolean;
  readonly enableMBM?: boolean;
  readonly enableMonitoring?: boolean;
}
