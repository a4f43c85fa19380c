/** Project quotas of the file system, or a file with an ext4 in it, mounted through a loop device. */
export type DiskLimitWay = 'project-quota' | 'image-file';

/** The file system of an image file, mounted where nobody sees it: in no mount table, for as long as this is open. */
export interface OpenDisk extends AsyncDisposable {
  /** The detached mount. */
  readonly descriptor: number;
  /** Its root, for as long as it is open, in this process. */
  readonly path: string;
}

/** What a limit is made around. */
export interface Making {
  /** Where the directories are to be made. */
  readonly root: string;
  /** True when nothing of it is seen before all of it is made. */
  readonly isHidden: boolean;
  /** To be called for each of them while it is empty: from then on it counts. */
  limit(directory: string): void;
}

export interface MakeLimited {
  /** A new name on the same file system, for what is not whole yet. */
  readonly temporary: string;
  readonly sizeBytes: number;
  readonly fill: (making: Making) => Promise<void> | void;
}

/**
 * Limits what directories of ours take on disk. A *place* is a directory of ours; its *parts*, directories in it, count together. With project quotas the parts are where
 * they would be without a limit; with an image file they are in the file system of `<place>/disk.ext4`. The disk itself tells which it is: nothing is kept elsewhere.
 */
export interface DiskLimits {
  /** How new limits are made on this file system. */
  readonly way: DiskLimitWay;
  /**
   * Makes parts that together take at most `sizeBytes`. Killed at any moment it leaves what `release` and removing place and temporary name take away.
   * Fails with invalid-argument `SYS_DISK_TOO_SMALL`, failed-precondition `SYS_DISK_IMAGES_UNAVAILABLE`, resource-exhausted `SYS_NO_PROJECT`.
   */
  make(place: string, making: MakeLimited): Promise<void>;
  /** The file system that holds the parts of a place; null when they are in the place itself. */
  open(place: string): Promise<OpenDisk | null>;
  /** True when the parts of a place are in an image file. */
  hasImage(place: string): boolean;
  /** Bytes that the parts may take; null: there is no limit. */
  sizeOf(place: string, part: string): number | null;
  /**
   * Changes the limit, in use or not. Fails with conflict `SYS_DISK_FULLER` below what is used, failed-precondition `SYS_DISK_SHRINK` or `SYS_DISK_UNLIMITED` where an
   * image file would have to shrink or to be made afterwards.
   */
  resize(place: string, parts: readonly string[], sizeBytes: number): Promise<void>;
  /** What is made in this empty directory counts with the other one. */
  join(directory: string, other: string): void;
  /** Gives back what the kernel keeps of the limit, before the place is removed. Can be repeated; a place or part that is missing is fine. */
  release(place: string, parts: readonly string[]): void;
}
