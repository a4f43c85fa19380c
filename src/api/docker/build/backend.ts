import type { BuildCacheView, BuildEvent, BuildPruneOptions, BuildRequest, BuildResult, Pruned, RegistryLogin } from '#wire';

/** What the routes of builds need of the engine. */
export interface BuildBackend {
  readonly builds: {
    build(
      request: BuildRequest,
      options: {
        readonly id?: string;
        readonly context?: AsyncIterable<Uint8Array>;
        readonly logins?: Readonly<Record<string, RegistryLogin>>;
        readonly report: (event: BuildEvent) => void;
        readonly signal: AbortSignal;
      },
    ): Promise<BuildResult>;
    cancel(id: string): void;
    cache(): Promise<BuildCacheView[]>;
    prune(options: BuildPruneOptions): Promise<Pruned>;
  };
}
