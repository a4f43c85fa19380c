/** What a path in a container is. */
export interface PathFacts {
  readonly name: string;
  readonly sizeBytes: number;
  /** st_mode of stat(2). */
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Of a symbolic link: where it leads in the container, absolute; else ''. */
  readonly linkTarget: string;
}

export interface WriteFilesOptions {
  /** A directory is not replaced by anything else, and nothing else by a directory. */
  readonly keepKinds: boolean;
  /** Files belong to the container's own user, not to whom the archive names. */
  readonly ownUser: boolean;
}

export type FileType = 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo' | 'socket';

/** What stat(2) tells of a path in a container, with owners as the container sees them. */
export interface FileEntry {
  /** Without the directories before it; `/` for the root. Bytes that are not UTF-8 become U+FFFD. */
  readonly name: string;
  readonly type: FileType;
  /** The permissions alone, as a number: 0o755. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** What a symbolic link says; else null. */
  readonly target: string | null;
  /** Major and minor number of a device; else null. */
  readonly device: readonly [number, number] | null;
}

/** `GET /orlop/v1/containers/{id}/files` */
export interface FileListing {
  readonly entry: FileEntry;
  /** Of a directory, by name in bytewise order; null for all else. */
  readonly entries: readonly FileEntry[] | null;
}

/** Whose a file becomes, in the container's ids. What is absent is as it was, or root's and 0644 (a directory: 0755) for a new one. */
export interface FileOwner {
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

export interface PlaceOptions extends FileOwner {
  /** Makes the directories that are missing before it, with its owner. */
  readonly parents?: boolean;
}
