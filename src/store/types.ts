import type { Digest } from '#oci';
import type { DiskLimitWay, FileFacts, OpenDisk } from '#sys';
import type { PackOptions } from './layers/pack-inode.ts';
import type { Metadata } from './metadata/types.ts';
import type { ByteText } from './tar/byte-text.ts';

/** SHA-256 over a layer's diff-id and its ancestors' (image-spec config, "Layer ChainID"). */
export type ChainId = Digest;

/** What a lease can keep from garbage collection. `image` keeps a manifest and all it refers to, blobs and layers. */
export type LeaseResource = { readonly blob: Digest } | { readonly layer: ChainId } | { readonly image: Digest };

/**
 * Keeps content that nothing names yet. Take one before a change of several steps, dispose it after the last. A lease ends with
 * the engine, unless it was given a time to live.
 */
export interface Lease extends Disposable {
  readonly id: string;
  hold(resource: LeaseResource): void;
}

export interface Leases {
  /** `ttlMs`: survives the engine and ends by itself after so long (for downloads that may be resumed). */
  create(options?: { readonly ttlMs?: number }): Lease;
}

export interface IngestOptions {
  /** Checked: anything else fails with data-loss `STORE_BLOB_CORRUPT` and leaves nothing. Also chooses the algorithm (sha256 without it). */
  readonly digest?: Digest;
  /** Bytes; checked likewise, and before more than these are written. */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

export interface Blob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Immutable bytes by digest: manifests, configs, packed layers. Nothing is visible before it is verified and on disk. */
export interface ContentStore {
  /** Resource-exhausted when the disk is full; the lease holds the blob from then on. */
  ingest(lease: Lease, source: AsyncIterable<Uint8Array> | Uint8Array | string, options?: IngestOptions): Promise<Blob>;
  has(digest: Digest): Promise<boolean>;
  /** Bytes. Not-found `STORE_BLOB_NOT_FOUND`. */
  size(digest: Digest): Promise<number>;
  /** Streams the blob, or part of it, unverified. Not-found `STORE_BLOB_NOT_FOUND` on the first read. */
  read(digest: Digest, range?: { readonly start: number; readonly end: number }): AsyncIterable<Buffer>;
  /** The whole of a small blob, verified against its digest. At most `maxBytes` (default 16 MiB), else resource-exhausted. */
  readBytes(digest: Digest, maxBytes?: number): Promise<Buffer>;
  /** Absolute path, for those who need a file. */
  path(digest: Digest): string;
  list(): Promise<Blob[]>;
  /** True when it was there. Garbage collection does this; others rarely should. */
  delete(digest: Digest): Promise<boolean>;
}

export interface Layer {
  readonly chainId: ChainId;
  readonly parent: ChainId | null;
  /** Digest of the uncompressed tar; for a layer that a container left (`push`, `keep`) a number that stands for it, since nobody has read it yet. */
  readonly diffId: Digest;
  /** Bytes of file content when unpacked; of what a container left, bytes on disk once they were counted. */
  readonly size: number;
  /** The directory below `layers/` that its tree is in, where that is another layer's. */
  readonly tree?: string;
}

/** Where a layer's tar comes from: bytes, a blob of this store, or a file. Plain, gzip or zstd: told apart by content. */
export type LayerSource = AsyncIterable<Uint8Array> | { readonly blob: Digest } | { readonly file: string };

export interface ApplyLayerOptions {
  /** The chain it goes on top of; null for a base layer. Not-found `STORE_LAYER_NOT_FOUND`. */
  readonly parent: ChainId | null;
  /**
   * Checked: anything else fails with data-loss `STORE_LAYER_CORRUPT` and leaves nothing. A plain blob that was ingested under this lease has been. An existing
   * layer is returned at once.
   */
  readonly diffId?: Digest;
  /** Nobody waits for the disk: its files get there with `sync`, and when the host goes down before that, the layer is forgotten. */
  readonly isLazy?: boolean;
  readonly signal?: AbortSignal;
  /** Bytes read of the packed source so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface LayerStore {
  /**
   * Unpacks a layer, off the event loop, as `layers/<chain>/fs` in overlay format. Fails with data-loss (damaged tar or digest),
   * invalid-argument `STORE_BAD_TAR` (a tar that makes no sense), resource-exhausted (naming the file system); nothing is left then.
   */
  apply(lease: Lease, source: LayerSource, options: ApplyLayerOptions): Promise<Layer>;
  get(chainId: ChainId): Layer | null;
  /** The layer and its ancestors, top first. Not-found `STORE_LAYER_NOT_FOUND`. */
  ancestry(chainId: ChainId): Layer[];
  list(): Layer[];
  /** Unpacked trees of a chain, relative to the store's root, top first. */
  directories(chainId: ChainId): string[];
  /** Brings to disk what lazy layers and those adopted before this call consist of; the file system's other unwritten data with it. */
  sync(): Promise<void>;
  /**
   * The tree of one layer under the name that its content gives it: on top of another parent, or with the digest that it was found to pack to. Nothing is copied; the tree
   * stays as long as either. The lease holds the new one. Not-found as `ancestry`.
   */
  alias(lease: Lease, chainId: ChainId, as: { readonly parent: ChainId | null; readonly diffId: Digest }): Layer;
  /** An overlay upper directory (path relative to the store's root, or absolute) as the tar of an OCI layer. Same tree, same bytes. */
  pack(directory: string): AsyncIterable<Buffer>;
}

/** A change of what a container stands on, which becomes true in one transaction with the store's own rows. Both are synchronous. */
export interface RootChange {
  /** `chain`: what the container stands on from now on. */
  commit(chain: ChainId | null): void;
  /** It did not come about. */
  undo(): void;
}

/** How a snapshot becomes a root: by an overlay mount, or by binding `upper`, which is a whole copy. */
export type SnapshotDriver = 'overlay' | 'native';

/** A writable root. Paths are relative to the store's root; those of `upper` and `work` to the root of its disk, if it has one of its own. */
export interface Snapshot {
  readonly driver: SnapshotDriver;
  /** Top first; never empty. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  /** Where the image file is that holds upper and work: to be mounted by `Snapshotter.openDisk`. A whole copy is its root. null: they are in the store itself. */
  readonly disk: string | null;
}

/** What happened to a path: `A` added, `C` changed, `D` deleted. */
export interface Change {
  /** Absolute. */
  readonly path: ByteText;
  readonly kind: 'A' | 'C' | 'D';
}

export interface ChangesOptions {
  /** True for what is not the container's doing. Asked only for what is in no lower layer; paths are relative. */
  readonly leaveOut?: (path: ByteText, facts: FileFacts) => boolean;
}

export interface AdoptOptions {
  /** Absolute places where something was mounted: what only a mount needed there is no change. */
  readonly stubs?: readonly string[];
  /** Nothing in the layer is younger than this (ns since the epoch). */
  readonly latestNs?: bigint;
  readonly signal?: AbortSignal;
}

export interface DiskSize {
  /** Allocated on disk. */
  readonly bytes: number;
  /** What its files hold, without directories: as Docker counts. */
  readonly contentBytes: number;
  readonly inodes: number;
}

/** A container's root, or without `containerId` the chain itself. */
export interface SnapshotKey {
  readonly containerId?: string;
  readonly chain: ChainId | null;
}

/** Makes what a container's root is mounted from. */
export interface Snapshotter {
  readonly driver: SnapshotDriver;
  /** How the size of new snapshots is limited. */
  readonly limitedBy: DiskLimitWay;
  /**
   * Makes `containers/<id>/{upper,work}`, which together take at most `sizeBytes`, if that is given. Already-exists when the container has one; not-found for an unknown
   * chain; fails as `DiskLimits.make`.
   */
  prepare(containerId: string, chain: ChainId | null, options?: { readonly sizeBytes?: number | undefined }): Promise<Snapshot>;
  /** The paths of an existing snapshot. Not-found `STORE_SNAPSHOT_NOT_FOUND`. */
  locate(containerId: string, chain: ChainId | null): Promise<Snapshot>;
  /** Mounts the disk of a snapshot that has its own, detached; null for others. Whatever is mounted of it keeps it: it goes with the container. */
  openDisk(snapshot: Snapshot): Promise<OpenDisk | null>;
  /** Bytes that the writable part may take; null: no limit. Not-found as `locate`. */
  limitOf(containerId: string): number | null;
  /** Changes that limit, whether the container runs or not. Fails as `DiskLimits.resize`, and not-found as `locate`. */
  resize(containerId: string, sizeBytes: number): Promise<void>;
  /** The read-only stack of a chain. */
  view(chain: ChainId | null): { readonly lower: readonly string[] };
  /**
   * What the container has changed in its chain, in order of paths: Docker's `diff`. A directory that only holds a change is changed itself; a file that
   * was opened for writing counts as changed. Not-found `STORE_SNAPSHOT_NOT_FOUND`.
   */
  changes(containerId: string, chain: ChainId | null, options?: ChangesOptions): Promise<Change[]>;
  /** The writable part as the tar of an OCI layer on top of the chain: what `commit` stores. Fails as `LayerStore.pack`, and not-found as `locate`. */
  commit(containerId: string, chain: ChainId | null, options?: PackOptions): AsyncIterable<Buffer>;
  /**
   * Makes the writable part a layer on top of the chain, which the lease holds; null when it changes nothing. By overlay nothing is copied: the directory is renamed, and what
   * is left of the snapshot can only be removed. The container must have ended. The layer's files get to disk with `LayerStore.sync`; when the host goes down before that,
   * the layer is forgotten. Fails as `commit`, with resource-exhausted, and with
   * failed-precondition `STORE_NOT_ADOPTABLE` for whole copies and disks.
   */
  adopt(lease: Lease, containerId: string, chain: ChainId | null, options?: AdoptOptions): Promise<Layer | null>;
  /** Whether the writable part can become a layer by a rename; else it must be copied. Not-found as `locate`. */
  canPush(containerId: string): boolean;
  /**
   * Makes the writable part, whatever its size, a layer on top of the chain, and gives the container an empty one: two renames. null, and nothing happens, when nothing was
   * written. The container must have ended. Killed or powered off at any moment it happens whole or not at all. The lease holds the layer.
   */
  push(lease: Lease, containerId: string, chain: ChainId | null, change: RootChange & Pick<AdoptOptions, 'stubs'>): Promise<Layer | null>;
  /** A layer on top of the chain that is as the writable part is now: a copy, which shares its blocks where the file system can. null as for `push`. Whoever writes must hold still. */
  keep(
    lease: Lease,
    containerId: string,
    chain: ChainId | null,
    /** `onRead`: all has been read; it need not hold still while the copy gets to disk. */
    options?: Pick<AdoptOptions, 'stubs'> & { readonly onRead?: () => Promise<void> },
  ): Promise<Layer | null>;
  /** Gives the container an empty writable part on top of another chain; what it wrote goes. Its limit stays. As `push`. */
  reset(
    containerId: string,
    chain: ChainId | null,
    /** `prepare`: puts into the new writable directory (absolute) what is to be there from the beginning. */
    change: RootChange & { readonly prepare?: (upper: string) => Promise<void> },
  ): Promise<void>;
  /** What differs between two roots, as `changes`. */
  changesBetween(before: SnapshotKey, after: SnapshotKey, options?: ChangesOptions): Promise<Change[]>;
  /** All that the container sees of its root, as one tar. Nothing is mounted, no link followed. Fails as `commit`. */
  export(containerId: string, chain: ChainId | null, options?: PackOptions): AsyncIterable<Buffer>;
  /** The layer that turns one snapshot into another: applied on top of the first it shows the second. */
  diff(before: SnapshotKey, after: SnapshotKey, options?: PackOptions): AsyncIterable<Buffer>;
  /** Takes `containers/<id>` away at once and deletes it in the background. True when it was there. */
  remove(containerId: string): Promise<boolean>;
  /** What the writable part takes. */
  usage(containerId: string): Promise<DiskSize>;
}

export interface GarbageReport {
  readonly blobs: readonly Blob[];
  readonly layers: readonly ChainId[];
  /** Container directories that no container owned. */
  readonly containers: readonly string[];
  /** Of the blobs and unpacked layers. */
  readonly freedBytes: number;
}

/** What opening the store had to mend after a crash. */
export interface ReconcileReport {
  /** Half-made or half-deleted things in `ingest/`. */
  readonly leftovers: number;
  /** Unpacked layers that the database did not know: removed. */
  readonly unknownLayers: readonly string[];
  /** Layers of the database whose files are gone (with those stacked on them): forgotten. */
  readonly lostLayers: readonly ChainId[];
  /** Containers of the database whose directory is gone: kept and reported. */
  readonly lostContainers: readonly string[];
  /** Container directories that the database did not know: removed. */
  readonly unknownContainers: readonly string[];
}

/** Where each byte below the root is. */
export interface DiskUsage {
  readonly blobs: { readonly count: number; readonly bytes: number };
  readonly layers: { readonly count: number; readonly bytes: number };
  /** With their logs. */
  readonly containers: { readonly count: number; readonly bytes: number };
  readonly images: { readonly count: number };
  /** Being made or deleted at this moment. */
  readonly unfinished: { readonly count: number; readonly bytes: number };
  readonly database: { readonly bytes: number };
  /** Of the blobs and layers above: what nothing needs, and the next collection takes. */
  readonly garbage: { readonly count: number; readonly bytes: number };
}

export type ProblemKind =
  | 'database-damaged'
  | 'blob-damaged'
  | 'blob-unknown'
  | 'layer-damaged'
  | 'layer-missing'
  | 'layer-unknown'
  | 'image-incomplete'
  | 'snapshot-incomplete'
  | 'container-missing'
  | 'container-unknown';

export interface Problem {
  readonly kind: ProblemKind;
  /** A digest, a chain-id, a name or an id. */
  readonly object: string;
  readonly message: string;
  /** What only its owner can decide is named, never repaired. */
  readonly state: 'repaired' | 'can be repaired' | 'yours to mend';
}

export interface CheckOptions {
  readonly repair?: boolean;
  /** Reads every blob and compares its digest. */
  readonly content?: boolean;
  readonly signal?: AbortSignal;
}

export interface CheckReport {
  readonly problems: readonly Problem[];
  readonly checked: { readonly blobs: number; readonly layers: number; readonly images: number; readonly containers: number };
}

export interface Store extends AsyncDisposable {
  /** Absolute. */
  readonly root: string;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly snapshots: Snapshotter;
  readonly metadata: Metadata;
  readonly leases: Leases;
  readonly reconciled: ReconcileReport;
  /** Nobody closed it before: content may be left that was about to be collected. */
  readonly wasCutOff: boolean;
  /** `containers/<id>/<part>`, absolute; `logs` and `monitor` are made by `prepare`. */
  containerDirectory(containerId: string, part?: 'upper' | 'work' | 'logs' | 'monitor'): string;
  /** Deletes what no image, container or lease needs. */
  collectGarbage(): Promise<GarbageReport>;
  diskUsage(): Promise<DiskUsage>;
  /**
   * Compares what the database says with what is on disk, while the store is in use. With `repair` it takes away what nothing knows and what is damaged, and
   * forgets layers that are gone, so that they are unpacked again; images and containers that lack something are named and left alone.
   */
  check(options?: CheckOptions): Promise<CheckReport>;
  /** Has equal files share their blocks on disk (`shareFiles`): of all layers and these containers; null: of all. */
  shareFiles(options: { readonly containers: readonly string[] | null; readonly signal?: AbortSignal }): Promise<SharedFiles>;
  /** Has equal files of layers be one file with several names (`linkFiles`), for file systems that cannot share blocks. */
  linkFiles(options: LinkFilesOptions): Promise<LinkedFiles>;
  /** Waits for deletions in the background, then closes the database. */
  close(): Promise<void>;
}

export interface LinkFilesOptions {
  /** Whose writable parts count, too. None may run. */
  readonly containers: readonly string[];
  /** Makes what such a container has written a layer, in place, as `snapshots.push` does; false: it stays as it is. Asked of those that have equal files only. */
  readonly push: (containerId: string) => Promise<boolean>;
  readonly signal?: AbortSignal | undefined;
}

/** What came of linking equal files. */
export interface LinkedFiles extends SharedFiles {
  /** So much of it was in memory. It is given back when nobody has the former files open. */
  readonly savedCacheBytes: number;
}

/** What came of sharing equal files. */
export interface SharedFiles {
  /** That were looked at. */
  readonly files: number;
  /** That share more than before. */
  readonly sharedFiles: number;
  readonly savedBytes: number;
}
