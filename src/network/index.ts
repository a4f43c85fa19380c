export {
  DEFAULT_NETWORK,
  type Endpoint,
  type EndpointWishes,
  type LinkRates,
  type NetworkCalls,
  type NetworkRecord,
  type NetworkRequest,
  type NetworkState,
  type Networks,
  type NetworksOptions,
} from './types.ts';
export type { Conversation, Ports, PortWish, PublishedPort } from './ports/types.ts';
export { addressToBytes, parseAddress } from './addresses.ts';
export { openNetworks } from './networks.ts';
export { formatHosts, replaceLinkedHosts, replaceOwnHosts, type HostsOptions, type LinkedHost, type OwnHost } from './hosts-file.ts';
export { planResolvConf, readHostResolvConf, type ResolvConfPlace, type ResolvConfPlan, type ResolvConfWishes } from './resolv-conf.ts';
export type { NameServers, ServeOptions } from './dns/types.ts';
export { openNameServers } from './dns/name-servers.ts';
