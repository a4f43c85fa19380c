import type { Linux } from './linux.ts';

/** runtime-spec config.json, version 1.3 for Linux. Names are the specification's own. */
export interface Spec {
  readonly ociVersion: string;
  readonly process?: Process;
  readonly root?: Root;
  readonly hostname?: string;
  readonly domainname?: string;
  /** In the order in which they are mounted. */
  readonly mounts?: readonly SpecMount[];
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: Linux;
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  readonly readonly?: boolean;
}

/** runtime-spec config, `mounts`. */
export interface SpecMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  /** As in fstab(5) and mount(8), plus propagation, `rbind`, `rro`, `idmap`, `ridmap`, `tmpcopyup` … */
  readonly options?: readonly string[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
}

/** `size` ids from `containerID` on are `hostID` and following outside. */
export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** runtime-spec config, `process`; also what `exec` takes. */
export interface Process {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user?: User;
  /** Empty or absent only for a container that is created and never started. */
  readonly args?: readonly string[];
  readonly commandLine?: string;
  readonly env?: readonly string[];
  readonly cwd: string;
  readonly capabilities?: LinuxCapabilities;
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
  readonly scheduler?: Scheduler;
  readonly selinuxLabel?: string;
  readonly ioPriority?: IoPriority;
  readonly execCPUAffinity?: CpuAffinity;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
  readonly username?: string;
}

/** Names as in capabilities(7), `CAP_CHOWN`. */
export interface LinuxCapabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

/** setrlimit(2): `type` is `RLIMIT_NOFILE`. Unlimited is 2^64 - 1, a bigint when the text said it in full; `BigInt(value)` fits both. */
export interface Rlimit {
  readonly type: string;
  readonly hard: number | bigint;
  readonly soft: number | bigint;
}

/** sched_setattr(2). */
export interface Scheduler {
  readonly policy: string;
  readonly nice?: number;
  readonly priority?: number;
  readonly flags?: readonly string[];
  readonly runtime?: number;
  readonly deadline?: number;
  readonly period?: number;
}

/** ioprio_set(2). */
export interface IoPriority {
  readonly class: 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE';
  readonly priority?: number;
}

/** Lists of processors, `0-3,7`. */
export interface CpuAffinity {
  readonly initial?: string;
  readonly final?: string;
}

export interface Hook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export interface Hooks {
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}
