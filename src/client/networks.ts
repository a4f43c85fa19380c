import type { DockerEndpointWishes, DockerNetwork, DockerNetworkCreate, DockerNetworkCreated, PortChange, PublishedPort } from '#wire';
import { readJson, readText } from './answers.ts';
import type { Transport } from './transport/transport.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

/** Networks, and containers' places in them. `ref` is a name, an id, or an unambiguous start of one. */
export interface NetworksClient {
  list(filters?: Filters): Promise<DockerNetwork[]>;
  inspect(ref: string, options?: { verbose?: boolean }): Promise<DockerNetwork>;
  create(body: DockerNetworkCreate): Promise<DockerNetworkCreated>;
  remove(ref: string): Promise<void>;
  connect(ref: string, container: string, wishes?: DockerEndpointWishes): Promise<void>;
  disconnect(ref: string, container: string, options?: { force?: boolean }): Promise<void>;
  /** Removes those that no container is in; resolves with their names. */
  prune(filters?: Filters): Promise<string[]>;
  /** Publishes further ports of a container, and gives others up; resolves with those that lead to it now. */
  changePorts(container: string, change: PortChange): Promise<PublishedPort[]>;
}

export function createNetworksClient(transport: Transport): NetworksClient {
  const at = (ref: string, rest = ''): string => `/networks/${encodeURIComponent(ref)}${rest}`;
  const post = async (path: string, json: unknown): Promise<void> =>
    void (await readText(await transport.request({ method: 'POST', path, json })));
  return {
    list: async (filters) => {
      const query = { filters: filters === undefined ? undefined : JSON.stringify(filters) };
      return readJson(await transport.request({ method: 'GET', path: '/networks', query }));
    },
    inspect: async (ref, { verbose } = {}) => readJson(await transport.request({ method: 'GET', path: at(ref), query: { verbose } })),
    create: async (body) => readJson(await transport.request({ method: 'POST', path: '/networks/create', json: body })),
    remove: async (ref) => void (await readText(await transport.request({ method: 'DELETE', path: at(ref) }))),
    connect: (ref, container, wishes = {}) => post(at(ref, '/connect'), { Container: container, EndpointConfig: wishes }),
    disconnect: (ref, container, { force = false } = {}) => post(at(ref, '/disconnect'), { Container: container, Force: force }),
    prune: async (filters = {}) => {
      const query = { filters: JSON.stringify(filters) };
      const answer = await readJson<{ NetworksDeleted: string[] | null }>(
        await transport.request({ method: 'POST', path: '/networks/prune', query }),
      );
      return answer.NetworksDeleted ?? [];
    },
    changePorts: async (container, change) => {
      const path = `/orlop/v1/containers/${encodeURIComponent(container)}/ports`;
      const { ports } = await readJson<{ ports: PublishedPort[] }>(await transport.request({ method: 'POST', path, json: change }));
      return ports;
    },
  };
}
