/** Where a mount's content comes from. */
export type MountType = 'bind' | 'volume' | 'tmpfs' | 'image';

/** Docker's names for what mounts below a mount do to each other. */
export type Propagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';

/** What of a bind mount becomes read-only. `if-possible`: the mounts below it too where the kernel can; `no`: the mount alone; `required`: all, or the container does not start. */
export type RecursiveReadOnly = 'if-possible' | 'no' | 'required';

/** One mount that a client asks for. */
export interface MountWish {
  readonly type: MountType;
  /** bind: an absolute path on the host; volume: its name, absent for one without; image: a reference. */
  readonly source?: string;
  /** An absolute path in the container. */
  readonly target: string;
  readonly readOnly?: boolean;
  readonly recursiveReadOnly?: RecursiveReadOnly;
  /** bind: without the mounts below the source. */
  readonly nonRecursive?: boolean;
  readonly propagation?: Propagation;
  /** bind: a source that does not exist becomes a directory. */
  readonly createSource?: boolean;
  /** volume: an empty one is not filled with what the image has at the target. */
  readonly noCopy?: boolean;
  /** volume, image: a path inside it. */
  readonly subpath?: string;
  /** tmpfs. */
  readonly sizeBytes?: number;
  /** tmpfs: permission bits. */
  readonly mode?: number;
  /** tmpfs: further options such as `noexec`. */
  readonly tmpfsOptions?: readonly string[];
  /** volume: for one that does not exist yet. */
  readonly driver?: string;
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** bind, volume: the owner on disk whom the container sees as its root. */
  readonly uid?: number;
  readonly gid?: number;
  /** As it was given in Docker's short form, `source:target:options`. */
  readonly short?: string;
}

/** A mount of a container, as clients are shown it. */
export interface MountView {
  readonly type: MountType;
  /** Of a volume. */
  readonly name?: string;
  /** On the host; '' for a tmpfs. */
  readonly source: string;
  readonly target: string;
  readonly driver?: string;
  /** The options of the short form. */
  readonly mode: string;
  readonly writable: boolean;
  /** '' where there is none to speak of. */
  readonly propagation: string;
}

/** One entry of `Mounts` of a container. */
export interface DockerMountPoint {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

/** One entry of `HostConfig.Mounts`. `Uid` and `Gid` are ours. */
export interface DockerMount {
  Type: string;
  Source?: string;
  Target: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  VolumeOptions?: {
    NoCopy?: boolean;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
    Subpath?: string;
  };
  ImageOptions?: { Subpath?: string };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number; Options?: string[][] };
  Uid?: number;
  Gid?: number;
}

/** A volume as Docker shows it. */
export interface DockerVolume {
  CreatedAt: string;
  Driver: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
  Name: string;
  Options: Record<string, string> | null;
  Scope: 'local';
  /** Only in answers about disk usage. */
  UsageData?: { Size: number; RefCount: number };
}

/** Body of `POST /volumes/create`. */
export interface DockerVolumeRequest {
  Name?: string;
  Driver?: string;
  DriverOpts?: Record<string, string>;
  Labels?: Record<string, string>;
}

/** A volume as the engine tells of it. */
export interface VolumeView {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  readonly isAnonymous: boolean;
  /** On the host. */
  readonly path: string;
}

/** What a volume is asked to be. Without a name it gets a random one and is anonymous. */
export interface VolumeRequest {
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}
