export {
  DEFAULT_NETWORK,
  type Endpoint,
  type EndpointWishes,
  type NetworkCalls,
  type NetworkRecord,
  type NetworkRequest,
  type NetworkState,
  type Networks,
  type NetworksOptions,
} from './types.ts';
export type { Ports, PortWish, PublishedPort } from './ports/types.ts';
export { openNetworks } from './networks.ts';
export { formatHosts, type HostsOptions } from './hosts-file.ts';
export { formatResolvConf, readHostResolvConf, type ResolvConfOptions } from './resolv-conf.ts';
export type { NameServers, ServeOptions } from './dns/types.ts';
export { openNameServers } from './dns/name-servers.ts';
