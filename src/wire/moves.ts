import type { DockerContainerSummary, DockerImageSummary } from './docker.ts';
import type { Progress } from './views.ts';
import type { DockerVolume, VolumeView } from './volumes.ts';

/** What a commit of a container is asked to be. */
export interface CommitRequest {
  readonly name?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly changes?: readonly string[];
  /** false: the container goes on while it is read. */
  readonly pause?: boolean;
  /** Fields that take the place of the container's, in the names of OCI's image config. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

export interface PathChange {
  readonly path: string;
  readonly kind: 'A' | 'C' | 'D';
}

export interface LoadedImage {
  readonly id: string;
  /** Familiar references that it got. */
  readonly names: readonly string[];
}

export interface LoadOptions {
  /** `linux/arm64` in place of the machine's own. */
  readonly platform?: string;
  readonly progress?: (step: Required<Pick<Progress, 'id' | 'status'>> & Progress) => void;
  readonly signal?: AbortSignal;
}

/** Bytes on disk. */
export interface DiskView {
  readonly images: readonly {
    readonly id: string;
    readonly names: readonly string[];
    readonly createdAtNs: bigint;
    /** Unpacked. */
    readonly sizeBytes: number;
    /** Of it: layers that other images have too. */
    readonly sharedBytes: number;
    /** As blobs. */
    readonly packedBytes: number;
    readonly containers: number;
    readonly used: boolean;
  }[];
  readonly containers: readonly {
    readonly id: string;
    readonly name: string;
    readonly imageId: string;
    readonly writableBytes: number;
    readonly running: boolean;
  }[];
  readonly volumes: readonly (VolumeView & { readonly bytes: number; readonly containers: number })[];
  readonly store: StoreUsage;
}

export interface StoreUsage {
  readonly blobs: { readonly count: number; readonly bytes: number };
  readonly layers: { readonly count: number; readonly bytes: number };
  readonly containers: { readonly count: number; readonly bytes: number };
  readonly unfinished: { readonly count: number; readonly bytes: number };
  readonly database: { readonly bytes: number };
  readonly garbage: { readonly count: number; readonly bytes: number };
}

/** Body of `GET /orlop/v1/disk`: a `DiskView` with times in seconds. */
export interface DiskBody extends Omit<DiskView, 'images'> {
  readonly images: readonly (Omit<DiskView['images'][number], 'createdAtNs'> & { readonly created: number })[];
}

export interface PruneFilter {
  /** Only what was created before. */
  readonly beforeNs?: bigint;
  readonly labels?: readonly string[];
  readonly notLabels?: readonly string[];
}

export interface Pruned {
  readonly removed: readonly string[];
  readonly untagged: readonly string[];
  readonly freedBytes: number;
}

export interface StoreProblem {
  readonly kind: string;
  readonly object: string;
  readonly message: string;
  readonly state: 'repaired' | 'can be repaired' | 'yours to mend';
}

export interface StoreCheck {
  readonly problems: readonly StoreProblem[];
  readonly checked: { readonly blobs: number; readonly layers: number; readonly images: number; readonly containers: number };
}

/** Answer of `GET /system/df`. */
export interface DockerDiskUsage {
  LayersSize: number;
  Images: DockerImageSummary[];
  Containers: (DockerContainerSummary & { SizeRw: number; SizeRootFs: number })[];
  Volumes: DockerVolume[];
  BuildCache: {
    ID: string;
    Type: string;
    Description: string;
    InUse: boolean;
    Shared: boolean;
    Size: number;
    CreatedAt: string;
    LastUsedAt: string;
    UsageCount: number;
  }[];
  BuilderSize: number;
}

/** One line of `GET /containers/{id}/changes`: 0 changed, 1 added, 2 deleted. */
export interface DockerChange {
  Path: string;
  Kind: 0 | 1 | 2;
}

/** What came of having equal files share their blocks on disk. */
export interface Dedupe {
  /** That were looked at: of all layers and the containers that were meant. */
  readonly files: number;
  /** That share more than before, and how much. */
  readonly sharedFiles: number;
  readonly savedBytes: number;
  /** `blocks`: they share their blocks on disk, in memory they stay apart. `links`: equal files of layers are one file now, on disk and in memory. */
  readonly way: 'blocks' | 'links';
  /** How much of what was saved was in memory twice, too. */
  readonly savedCacheBytes: number;
  /** Names of containers whose own files were left out because they run, of those that were meant; with `links` only. */
  readonly running: readonly string[];
  /** Names of containers with a disk of their own, which share with nobody. */
  readonly apart: readonly string[];
}
