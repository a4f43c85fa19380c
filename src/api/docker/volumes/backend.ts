import type { PruneFilter, Pruned, VolumeRequest, VolumeView } from '#wire';

/** What the routes of volumes need of the engine. */
export interface VolumeBackend {
  readonly volumes: {
    create(request: VolumeRequest): Promise<VolumeView>;
    list(filters: Readonly<Record<string, readonly string[]>>): VolumeView[];
    inspect(name: string): VolumeView;
    remove(name: string, options: { force?: boolean }): Promise<void>;
    prune(filter: Pick<PruneFilter, 'labels' | 'notLabels'> & { readonly named: boolean }): Promise<Pruned>;
  };
}
