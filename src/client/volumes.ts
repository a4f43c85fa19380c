import type { DockerVolume, DockerVolumeRequest } from '#wire';
import { readJson, readText } from './answers.ts';
import type { PruneAnswer } from './store.ts';
import type { Transport } from './transport/transport.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

export interface VolumesClient {
  /** One that has the name already is answered as it is. Without a name it gets a random one. */
  create(request?: DockerVolumeRequest): Promise<DockerVolume>;
  list(options?: { filters?: Filters }): Promise<DockerVolume[]>;
  inspect(name: string): Promise<DockerVolume>;
  /** `force`: one that is not there is fine. */
  remove(name: string, options?: { force?: boolean }): Promise<void>;
  /** Those without a name that no container mounts; the filter `all=true`: with names as well. */
  prune(filters?: Filters): Promise<PruneAnswer>;
}

export function createVolumesClient(transport: Transport): VolumesClient {
  const at = (name: string): string => `/volumes/${encodeURIComponent(name)}`;
  return {
    create: async (request = {}) => readJson(await transport.request({ method: 'POST', path: '/volumes/create', json: request })),
    list: async ({ filters } = {}) => {
      const query = { filters: filters === undefined ? undefined : JSON.stringify(filters) };
      return (
        (await readJson<{ Volumes: DockerVolume[] | null }>(await transport.request({ method: 'GET', path: '/volumes', query }))).Volumes ??
        []
      );
    },
    inspect: async (name) => readJson(await transport.request({ method: 'GET', path: at(name) })),
    remove: async (name, { force } = {}) =>
      void (await readText(await transport.request({ method: 'DELETE', path: at(name), query: { force } }))),
    prune: async (filters = {}) => {
      const answer = await readJson<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>(
        await transport.request({ method: 'POST', path: '/volumes/prune', query: { filters: JSON.stringify(filters) } }),
      );
      return { deleted: answer.VolumesDeleted ?? [], untagged: [], freedBytes: answer.SpaceReclaimed };
    },
  };
}
