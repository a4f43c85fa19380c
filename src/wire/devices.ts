/** A device of the host, or a directory of them, and what the container may do with it. JSON-safe. */
export interface DeviceWish {
  /** On the host. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
  /** Letters of `rwm`: read, write, make nodes. */
  readonly permissions: string;
  /** The name that it was added by (`device add`). */
  readonly device?: string;
}

/** Devices by what they are and not by their nodes: GPUs, or names of CDI (`vendor.com/class=name`). */
export interface DeviceRequest {
  readonly driver: string;
  /** -1: all that there are. */
  readonly count: number;
  readonly ids: readonly string[];
  /** Any of these sets, each of which is wanted whole. */
  readonly capabilities: readonly (readonly string[])[];
  readonly options?: Readonly<Record<string, string>>;
}

/** A share of a block device's time beside other containers: 10 … 1000. */
export interface DeviceWeight {
  readonly path: string;
  readonly weight: number;
}

/** Bytes or operations a second on a block device. */
export interface DeviceRate {
  readonly path: string;
  readonly rate: number;
}
