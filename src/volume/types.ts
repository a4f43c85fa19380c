/** A volume as it is stored beside its content: JSON-safe. */
export interface VolumeRecord {
  readonly name: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As given; passwords may be among them. */
  readonly options: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** Made without a name of its own, for one container. */
  readonly isAnonymous: boolean;
  /** How much it holds at most, where that was asked for. */
  readonly sizeBytes?: number;
}

export interface VolumeRequest {
  /** Absent: a random one, and the volume is anonymous. */
  readonly name?: string;
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly isAnonymous?: boolean;
}

export interface Volumes extends AsyncDisposable {
  /** By name. */
  list(): readonly VolumeRecord[];
  /** Not-found `VOLUME_NOT_FOUND`. */
  find(name: string): VolumeRecord;
  /** The host's directory with its content, mounted or not; of one that does not exist, where it would be. */
  pathOf(name: string): string;
  /**
   * Makes a volume, or answers the one that has the name already. With `user` it is acquired as well, before anybody could remove it. Invalid-argument for bad names and
   * options, not-found `VOLUME_DRIVER_NOT_FOUND`, conflict `VOLUME_NAME_TAKEN` when it belongs to another driver.
   */
  create(request: VolumeRequest, user?: string): Promise<{ readonly volume: VolumeRecord; readonly isNew: boolean }>;
  /** Takes it away with all it holds. Conflict `VOLUME_IN_USE` while there are `users`, or somebody has acquired it. */
  remove(name: string, options?: { readonly users?: readonly string[] }): Promise<void>;
  /** What to mount, with its file system mounted if it has one of its own. Each user counts once, until `release`. */
  acquire(name: string, user: string): Promise<{ readonly path: string }>;
  /** Unmounts after the last one. false: the volume or the user was not known. */
  release(name: string, user: string): Promise<boolean>;
  /** Lets `copy` fill it, or the directory `part` in it, when that is empty; false: it was not, is no directory, or nobody can write there. Cut off half-way, it is empty again before anybody else gets it. */
  fill(name: string, copy: (path: string) => Promise<void>, part?: string): Promise<boolean>;
  /** Takes over who uses what from an earlier engine, and unmounts what nobody uses. */
  reconcile(users: ReadonlyMap<string, readonly string[]>): Promise<void>;
}

/** Where volumes come from. `directory` is the volume's own; its content is at `contentOf(directory)`. */
export interface VolumeDriver {
  readonly name: string;
  /** Invalid-argument for options that it does not take. */
  check(options: Readonly<Record<string, string>>): { readonly sizeBytes?: number };
  /** In a new directory that does not have its name yet. */
  make(directory: string, volume: VolumeRecord): Promise<void>;
  /** Makes the content be at its place; when it is there already, nothing happens. */
  mount(directory: string, volume: VolumeRecord): Promise<void>;
  /** Takes it from its place; when it is not there, nothing happens. */
  unmount(directory: string, volume: VolumeRecord): Promise<void>;
  /** Gives back what is outside of the directory, which has lost its name and is removed next. */
  unmake(directory: string, volume: VolumeRecord): Promise<void>;
}

/** How volumes get a limited size. Each call is told the volume's own directory. */
export interface VolumeSizes {
  /** For a new one: its content, an empty directory, is there. */
  limit(directory: string, sizeBytes: number): Promise<void>;
  mount(directory: string): Promise<void>;
  unmount(directory: string): Promise<void>;
  free(directory: string): Promise<void>;
}
