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
