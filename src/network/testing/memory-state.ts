import type { Endpoint, NetworkRecord, NetworkState } from '../types.ts';

/** A state that outlives an engine but not the test: records go through JSON, as a store's do. */
export interface MemoryState extends NetworkState {
  readonly networks: Map<string, string>;
  readonly endpoints: Map<string, string>;
}

export function createMemoryState(): MemoryState {
  const networks = new Map<string, string>();
  const endpoints = new Map<string, string>();
  return {
    networks,
    endpoints,
    loadNetworks: () => [...networks.values()].map((text) => JSON.parse(text) as NetworkRecord),
    saveNetwork: (network) => void networks.set(network.name, JSON.stringify(network)),
    removeNetwork: (network) => void networks.delete(network.name),
    loadEndpoints: () => [...endpoints.values()].map((text) => JSON.parse(text) as Endpoint),
    saveEndpoint: (endpoint) => void endpoints.set(`${endpoint.containerId}/${endpoint.network}`, JSON.stringify(endpoint)),
    removeEndpoint: (containerId, network) => void endpoints.delete(`${containerId}/${network}`),
  };
}
