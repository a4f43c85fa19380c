import type { Progress, RegistryCall, RegistryLogin, RemoteImageView, SearchHitView } from '#wire';

/** What the routes that speak to registries need of the engine. */
export interface RegistryBackend {
  readonly registries: {
    pull(
      ref: string,
      options: RegistryCall & { platform?: string; progress?: (step: Progress) => void },
    ): Promise<{ name: string; digest: string; isNew: boolean }>;
    push(
      ref: string,
      options: RegistryCall & { platform?: string; progress?: (step: Progress) => void },
    ): Promise<{ tag: string; digest: string; sizeBytes: number }>;
    tags(ref: string, options: RegistryCall): Promise<string[]>;
    inspect(ref: string, options: RegistryCall): Promise<RemoteImageView>;
    search(domain: string, query: { term: string; limit: number }, options: RegistryCall): Promise<SearchHitView[]>;
    login(registry: string, login: RegistryLogin, signal: AbortSignal): Promise<{ identityToken: string | null }>;
  };
}
