/** A container as it was once: its root and its settings. */
export interface SnapshotView {
  readonly id: string;
  readonly name: string;
  /** ns since the epoch. */
  readonly createdAtNs: bigint;
  readonly comment: string;
  /** When the engine removes it, ns since the epoch; null: never. */
  readonly expiresAtNs: bigint | null;
  /** The snapshot that it was made on top of, by name; null: none that is still there. */
  readonly parent: string | null;
  /** The container goes on from this one. */
  readonly isCurrent: boolean;
  /** The container ran: it holds what a power cut would have left. */
  readonly wasRunning: boolean;
  readonly isScheduled: boolean;
  /** Bytes that it keeps beyond what is below it; 0 until they were counted. */
  readonly sizeBytes: number;
  readonly imageName: string;
}

/** The same with times as JSON can carry them, ms since the epoch. */
export interface SnapshotBody extends Omit<SnapshotView, 'createdAtNs' | 'expiresAtNs'> {
  readonly createdMs: number;
  readonly expiresMs: number | null;
}

export interface SnapshotsBody {
  readonly snapshots: readonly SnapshotBody[];
  readonly schedule: SnapshotSchedule | null;
}

export interface SnapshotRequest {
  /** By the container's pattern without it. */
  readonly name?: string;
  readonly comment?: string;
  /** From now; never without it. */
  readonly expiresInMs?: number;
}

/** Snapshots that the engine takes of a running container by itself. */
export interface SnapshotSchedule {
  /** Five fields of cron in the engine's time zone, or `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`; '': none. */
  readonly schedule: string;
  /** Names of snapshots that get none: `%d` is a free number, `{date}` and `{time}` when it is made. */
  readonly pattern: string;
  /** How long scheduled ones stay; null: for good. */
  readonly expiresInMs: number | null;
}

/** How `SnapshotSchedule` is changed: what is absent stays. */
export type SnapshotScheduleChange = Partial<SnapshotSchedule>;

export interface CopyRequest {
  /** Chosen when there is none. */
  readonly name?: string;
  /** One of the container's snapshots; the container as it is without it. */
  readonly snapshot?: string;
  /** It goes at its end. */
  readonly ephemeral?: boolean;
}

export interface CopyResult {
  readonly id: string;
  readonly name: string;
  readonly warnings: readonly string[];
}

export interface PublishRequest {
  /** Of the image; without it the image has no name. */
  readonly name?: string;
  readonly snapshot?: string;
  readonly comment?: string;
  readonly author?: string;
  /** Dockerfile instructions. */
  readonly changes?: readonly string[];
}

export interface RebuildRequest {
  readonly image: string;
  /** Absolute paths of files and directories that stay as they are. */
  readonly keep?: readonly string[];
  /** A running one is stopped, and started again afterwards. */
  readonly restart?: boolean;
}
