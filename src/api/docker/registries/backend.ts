import type { Progress, RegistryLogin, RemoteImageView } from '#wire';

export interface RegistryCall {
  readonly login?: RegistryLogin;
  readonly signal: AbortSignal;
}

/** What the routes that speak to registries need of the engine. */
export interface RegistryBackend {
  readonly registries: {
    pull(
      ref: string,
      options: RegistryCall & { platform?: string; progress?: (step: Progress) => void },
    ): Promise<{ name: string; digest: string; isNew: boolean }>;
    push(
      ref: string,
      options: RegistryCall & { progress?: (step: Progress) => void },
    ): Promise<{ tag: string; digest: string; sizeBytes: number }>;
    inspect(ref: string, options: RegistryCall): Promise<RemoteImageView>;
    login(registry: string, login: RegistryLogin, signal: AbortSignal): Promise<void>;
  };
}
