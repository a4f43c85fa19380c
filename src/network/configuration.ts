import { OrlopError } from '#errors';
import { checkPools } from './address-plan.ts';
import { newNetworkId } from './naming.ts';
import type { NetworkRecord, NetworkRequest } from './types.ts';

/**
 * A network that only keeps what others are made from: no devices, and nobody gets a place in it. Whatever driver it is asked for, it has none; what its options mean is seen when a
 * network is made of them. Its subnets may be others' too. Fails with `permission-denied` for what only a network itself can be, and `invalid-argument`. Pure but for its id.
 */
export function planConfiguration(request: NetworkRequest, nowMs: number): NetworkRecord {
  if (request.configFrom !== undefined) throw forbidden('a configuration network cannot depend on another configuration network');
  if (request.internal === true || request.attachable === true) {
    const words =
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ]';
    throw forbidden(`${words} are not supported.`, 'give them to the networks that are made from it');
  }
  const pools = checkPools(request.pools ?? []).map(([pool]) => pool);
  return {
    id: newNetworkId(),
    name: request.name,
    driver: 'none',
    createdAtMs: nowMs,
    isBuiltIn: false,
    configOnly: true,
    labels: request.labels ?? {},
    options: request.options ?? {},
    internal: false,
    attachable: false,
    ipv4: request.ipv4 !== false,
    ipv6: request.ipv6 === true,
    pools: [],
    ...(pools.length === 0 ? {} : { unusedPools: pools }),
    links: [],
  };
}

/** The request with what its configuration has for it. Fails with `permission-denied` when it says any of that itself, and `not-found`. Pure. */
export function withConfiguration(request: NetworkRequest, networks: readonly NetworkRecord[]): NetworkRequest {
  const { configFrom: name } = request;
  if (name === undefined) return request;
  if ((request.pools ?? []).length > 0 || request.ipv6 === true || request.ipv4 === false) {
    const words = 'user specified configurations are not supported if the network depends on a configuration network';
    throw forbidden(words, 'give them to that network');
  }
  if (Object.keys(request.options ?? {}).length > 0) {
    throw forbidden(
      'network driver options are not supported if the network depends on a configuration network',
      'give them to that network',
    );
  }
  // By its name alone, as Docker has it.
  const config = networks.find((network) => network.configOnly === true && network.name === name);
  if (config === undefined) {
    throw new OrlopError('not-found', 'NETWORK_CONFIG_NOT_FOUND', `configuration network "${name}" does not exist`, {
      hint: 'make one with network create --config-only',
    });
  }
  const { ipv4, ipv6, options, unusedPools: pools = [] } = config;
  // Of the engine's own labels each is about the object that has it.
  const inherited = Object.entries(config.labels).filter(([label]) => !label.startsWith('orlop.'));
  return { ...request, ipv4, ipv6, options, pools, labels: { ...Object.fromEntries(inherited), ...request.labels } };
}

/** Fails with `conflict` while networks were made from it, which show its name. */
export function checkConfigurationUnused({ name, configOnly }: NetworkRecord, networks: Iterable<NetworkRecord>): void {
  if (configOnly !== true) return;
  const users = [...networks].filter(({ configFrom }) => configFrom === name);
  if (users.length === 0) return;
  const words = `error while removing network: configuration network "${name}" is in use`;
  throw new OrlopError('conflict', 'NETWORK_IN_USE', words, { hint: `remove ${users.map((user) => user.name).join(', ')} first` });
}

/** Fails with `permission-denied` for a network that is only a configuration. */
export function checkHasPlaces(network: NetworkRecord): void {
  if (network.configOnly === true)
    throw forbidden('cannot create endpoint on configuration-only network', `make a network with --config-from ${network.name}`);
}

function forbidden(message: string, hint?: string): OrlopError {
  return new OrlopError('permission-denied', 'NETWORK_CONFIGURATION', message, hint === undefined ? {} : { hint });
}
