import { bridgeLink, networkId } from './naming.ts';
import { DEFAULT_NETWORK, type AddressPool, type Endpoint, type NetworkDriver, type NetworkRecord } from './types.ts';

/** The networks that every engine has. Pure. */
export function builtInNetworks(prefix: string): NetworkRecord[] {
  return [
    builtIn(prefix, DEFAULT_NETWORK, 'bridge', [bridgeLink(prefix)]),
    builtIn(prefix, 'host', 'host', []),
    builtIn(prefix, 'none', 'none', []),
  ];
}

function builtIn(prefix: string, name: string, driver: NetworkDriver, links: readonly string[]): NetworkRecord {
  return {
    id: networkId(prefix, name),
    name,
    driver,
    createdAtMs: 0,
    isBuiltIn: true,
    labels: {},
    options: {},
    internal: false,
    attachable: false,
    ipv4: driver === 'bridge',
    ipv6: false,
    pools: [],
    links,
  };
}

/** Of a built-in network only what was chosen later is taken from the store; its names follow from the prefix. Pure. */
export function mergeNetworks(own: readonly NetworkRecord[], stored: readonly NetworkRecord[]): Map<string, NetworkRecord> {
  const networks = new Map(stored.map((network) => [network.name, network]));
  for (const network of own) {
    const kept = networks.get(network.name);
    const localSubnet = kept?.localSubnet;
    const links = network.links.length === 0 ? [] : [...network.links, ...(kept?.links?.slice(1) ?? [])];
    networks.set(network.name, { ...network, links, pools: poolsOf(kept), ...(localSubnet === undefined ? {} : { localSubnet }) });
  }
  return networks;
}

/** An earlier form: one subnet, of the default bridge, and no list of pools. */
type StoredNetwork = Partial<NetworkRecord> & { readonly subnet?: string; readonly gateway?: string };

function poolsOf(stored: StoredNetwork | undefined): readonly AddressPool[] {
  if (stored?.pools !== undefined) return stored.pools;
  const { subnet, gateway } = stored ?? {};
  return subnet === undefined || gateway === undefined ? [] : [{ subnet, gateway }];
}

/** An earlier form: another name for the container's link, and only the default bridge. */
type StoredEndpoint = Endpoint & { readonly containerLink?: string };

/** An endpoint as this or an earlier version stored it. Pure. */
export function readEndpoint(stored: StoredEndpoint, networkIdOf: (name: string) => string): Endpoint {
  const { containerLink, ...endpoint } = stored;
  return {
    ...endpoint,
    networkId: endpoint.networkId ?? networkIdOf(endpoint.network),
    ...(containerLink === undefined ? {} : { link: containerLink }),
    names: endpoint.names ?? [],
    wishes: endpoint.wishes ?? {},
  };
}
