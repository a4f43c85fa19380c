import { createOccupancy, type Occupancy } from './occupancy.ts';
import type { Endpoint, NetworkRecord, NetworkState } from './types.ts';

/** The endpoints of one engine, in memory and in the store, and which of them are attached. */
export interface EndpointTable {
  get(containerId: string, network: string): Endpoint | undefined;
  /** In the order of their reservation. */
  all(): Endpoint[];
  ofContainer(containerId: string): Endpoint[];
  ofNetwork(networkId: string): Endpoint[];
  /** What the endpoints of a network take of it; follows them. */
  occupancy(network: NetworkRecord): Occupancy;
  /** Names of all pairs' ends on the host. */
  readonly hostLinks: ReadonlySet<string>;
  /** Keeps the endpoint, in memory first and then in the store; when it cannot be stored, all is as before. */
  save(endpoint: Endpoint): Promise<Endpoint>;
  /** Its addresses are free again only when the store has forgotten it too. */
  remove(endpoint: Endpoint): Promise<void>;
  isAttached(endpoint: Endpoint): boolean;
  setAttached(endpoint: Endpoint, attached: boolean): void;
  /** Grows with every change of who is attached, and of attached endpoints. */
  revision(): number;
}

export function createEndpointTable(
  state: Pick<NetworkState, 'saveEndpoint' | 'removeEndpoint'>,
  stored: readonly Endpoint[],
): EndpointTable {
  /** By container, then by network. */
  const containers = new Map<string, Map<string, Endpoint>>();
  /** By the network's id. */
  const networks = new Map<string, Set<Endpoint>>();
  const occupancies = new Map<string, Occupancy>();
  const hostLinks = new Set<string>();
  const attached = new Set<string>();
  let revision = 0;

  const put = (endpoint: Endpoint): void => {
    const places = containers.get(endpoint.containerId) ?? new Map<string, Endpoint>();
    containers.set(endpoint.containerId, places.set(endpoint.network, endpoint));
    networks.set(endpoint.networkId, (networks.get(endpoint.networkId) ?? new Set()).add(endpoint));
    occupancies.get(endpoint.networkId)?.add(endpoint);
    if (endpoint.hostLink !== undefined) hostLinks.add(endpoint.hostLink);
  };
  const drop = (endpoint: Endpoint): void => {
    const places = containers.get(endpoint.containerId);
    places?.delete(endpoint.network);
    if (places?.size === 0) containers.delete(endpoint.containerId);
    const members = networks.get(endpoint.networkId);
    members?.delete(endpoint);
    occupancies.get(endpoint.networkId)?.remove(endpoint);
    if (members?.size === 0) {
      networks.delete(endpoint.networkId);
      occupancies.delete(endpoint.networkId);
    }
    if (endpoint.hostLink !== undefined) hostLinks.delete(endpoint.hostLink);
  };
  const get = (containerId: string, network: string): Endpoint | undefined => containers.get(containerId)?.get(network);
  for (const endpoint of stored) put(endpoint);

  return {
    get,
    all: () => [...containers.values()].flatMap((places) => [...places.values()]),
    ofContainer: (containerId) => [...(containers.get(containerId)?.values() ?? [])],
    ofNetwork: (networkId) => [...(networks.get(networkId) ?? [])],
    occupancy(network) {
      const known = occupancies.get(network.id);
      if (known !== undefined) return known;
      const occupancy = createOccupancy(network);
      for (const endpoint of networks.get(network.id) ?? []) occupancy.add(endpoint);
      // Before its pools are chosen there is nothing to remember.
      if (network.pools.length > 0) occupancies.set(network.id, occupancy);
      return occupancy;
    },
    hostLinks,
    async save(endpoint) {
      const before = get(endpoint.containerId, endpoint.network);
      if (before !== undefined) drop(before);
      put(endpoint);
      revision += 1;
      try {
        await state.saveEndpoint(endpoint);
      } catch (error) {
        drop(endpoint);
        if (before !== undefined) put(before);
        throw error;
      }
      return endpoint;
    },
    async remove(endpoint) {
      await state.removeEndpoint(endpoint.containerId, endpoint.network);
      const held = get(endpoint.containerId, endpoint.network);
      if (held !== undefined) drop(held);
      if (attached.delete(endpoint.id)) revision += 1;
    },
    isAttached: (endpoint) => attached.has(endpoint.id),
    setAttached(endpoint, isAttached) {
      if (attached.has(endpoint.id) === isAttached) return;
      revision += 1;
      if (isAttached) attached.add(endpoint.id);
      else attached.delete(endpoint.id);
    },
    revision: () => revision,
  };
}
