import type {
  BuildCacheView,
  BuildClient,
  BuildEvent,
  BuildPruneOptions,
  BuildRecordView,
  BuildRequest,
  BuildResult,
  OfferedContext,
  Pruned,
  SentFile,
  ToldEvent,
} from '#wire';

/** Files one by one. */
export interface Files {
  readonly files: AsyncIterable<SentFile>;
}

/** What a context comes as: a tar, file by file, or a list of files of which some are asked for. */
export type ContextSource = AsyncIterable<Uint8Array> | Files | OfferedContext<Files>;

/** What BuildKit's clients need of the engine. */
export interface BuildkitBackend {
  readonly builds: {
    build(
      request: BuildRequest,
      options: {
        readonly id?: string;
        readonly context?: ContextSource;
        readonly contexts?: ReadonlyMap<number, ContextSource>;
        readonly client?: BuildClient;
        readonly report: (event: BuildEvent) => void;
        readonly output?: (archive: AsyncIterable<Uint8Array>) => Promise<void>;
        readonly outputFiles?: (files: AsyncIterable<SentFile>) => Promise<void>;
        readonly signal: AbortSignal;
      },
    ): Promise<BuildResult>;
    /** Newest first. */
    history(): BuildRecordView[];
    /** What a build told that is over; null: nothing is known of it. */
    told(id: string): ToldEvent[] | null;
    forget(ids: readonly string[]): void;
    cache(): Promise<BuildCacheView[]>;
    prune(options: BuildPruneOptions): Promise<Pruned>;
  };
}
