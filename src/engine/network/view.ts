import type { Endpoint } from '#network';
import type { EndpointView } from '#wire';

/** A container's places in networks as clients see them. */
export function endpointViewsOf(endpoints: readonly Endpoint[], networkIdOf: (name: string) => string): EndpointView[] {
  return endpoints.map((endpoint) => ({
    id: endpoint.id,
    network: endpoint.network,
    networkId: networkIdOf(endpoint.network),
    ...(endpoint.driver === 'bridge' ? addressesOf(endpoint) : {}),
    names: [],
    wishes: {},
  }));
}

function addressesOf({ address, prefixLength, gateway, mac }: Extract<Endpoint, { driver: 'bridge' }>): Partial<EndpointView> {
  return { address, prefixLength, gateway, mac };
}
