import type { Endpoint, NetworkRecord, NetworkState } from '#network';
import type { Metadata } from '#store';

/** The network room's memory, kept in the store's database. */
export function createNetworkState(metadata: Metadata): NetworkState {
  return {
    loadNetworks: () => metadata.networks.list().map((row) => JSON.parse(row.record) as NetworkRecord),
    saveNetwork(network) {
      const record = JSON.stringify(network);
      if (metadata.networks.get(network.id) === null) metadata.networks.insert({ id: network.id, name: network.name, record });
      else metadata.networks.update(network.id, record);
    },
    removeNetwork: (network) => void metadata.networks.remove(network.id),
    loadEndpoints: () => metadata.endpoints.list().map((row) => JSON.parse(row.record) as Endpoint),
    saveEndpoint(endpoint) {
      metadata.endpoints.put({
        containerId: endpoint.containerId,
        network: endpoint.network,
        address: endpoint.address ?? null,
        mac: endpoint.mac ?? null,
        record: JSON.stringify(endpoint),
      });
    },
    removeEndpoint: (containerId, network) => void metadata.endpoints.remove(containerId, network),
  };
}
