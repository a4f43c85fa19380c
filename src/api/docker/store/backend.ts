import type {
  BuildCacheView,
  CommitRequest,
  ContainerFilter,
  ContainerView,
  DiskView,
  ImageView,
  LoadedImage,
  LoadOptions,
  PathChange,
  Pruned,
  PruneFilter,
} from '#wire';

/** What the routes of archives and of disk usage need of the engine. `ref` is an id, the start of one, or a name. */
export interface StoreBackend {
  readonly archives: {
    save(references: readonly string[], options: { platform?: string; signal: AbortSignal }): AsyncIterable<Uint8Array>;
    load(source: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<LoadedImage[]>;
    export(ref: string): AsyncIterable<Uint8Array>;
    changes(ref: string): Promise<PathChange[]>;
    commit(ref: string, request: CommitRequest): Promise<string>;
  };
  readonly containers: { list(filter: ContainerFilter): ContainerView[] };
  readonly images: { list(options: { all?: boolean }): ImageView[] };
  readonly builds: { cache(): Promise<BuildCacheView[]> };
  readonly disk: {
    usage(): Promise<DiskView>;
    pruneContainers(filter: PruneFilter): Promise<Pruned>;
    pruneImages(filter: PruneFilter & { readonly named: boolean }): Promise<Pruned>;
  };
}
