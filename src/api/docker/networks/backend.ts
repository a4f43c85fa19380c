import type { EndpointWishes, NetworkFilters, NetworkRequest, NetworkView, PruneFilter } from '#wire';

/** What the routes of networks need of the engine. `ref` is a name, an id, or the start of one. */
export interface NetworkBackend {
  readonly networks: {
    list(filters: NetworkFilters): NetworkView[];
    inspect(ref: string): NetworkView;
    create(request: NetworkRequest): Promise<{ id: string; warnings: readonly string[] }>;
    remove(ref: string): Promise<void>;
    connect(ref: string, container: string, wishes: EndpointWishes): Promise<void>;
    /** `force`: also of a container that is not there any more. */
    disconnect(ref: string, container: string, options: { force?: boolean }): Promise<void>;
    /** Names of those that went. */
    prune(filter: PruneFilter): Promise<string[]>;
  };
}
