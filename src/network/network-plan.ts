import { OrlopError } from '#errors';
import { planConfiguration, withConfiguration } from './configuration.ts';
import { parseDriverOptions, type DriverOptions } from './driver-options.ts';
import { newBridgeLink, newNetworkId } from './naming.ts';
import { DEFAULT_NETWORK, type NetworkDriver, type NetworkRecord, type NetworkRequest } from './types.ts';

/** What a new network must keep clear of. */
export interface NetworkFacts {
  readonly prefix: string;
  readonly networks: readonly NetworkRecord[];
  readonly nowMs: number;
}

const userDrivers: readonly string[] = ['bridge', 'macvlan', 'ipvlan'] satisfies NetworkDriver[];
const builtInDrivers: readonly string[] = ['host', 'none', 'null'];
const predefined: readonly string[] = [DEFAULT_NETWORK, 'host', 'none', 'default'];

export interface NetworkPlan {
  readonly draft: NetworkRecord;
  /** The request, with what the network's configuration says. */
  readonly request: NetworkRequest;
  readonly warnings: string[];
}

/**
 * A new network without its pools, which depend on the host, and what the user has to be told. Pure but for its random names.
 * Fails with `invalid-argument`, `permission-denied` (predefined names), `not-found` (no such driver), `conflict` (name, bridge or parent in use) or `unimplemented`.
 */
export function planNetwork(asked: NetworkRequest, facts: NetworkFacts): NetworkPlan {
  checkName(asked.name, facts.networks);
  if (asked.configOnly === true) return { draft: planConfiguration(asked, facts.nowMs), request: asked, warnings: [] };
  const request = withConfiguration(asked, facts.networks);
  const driver = checkDriver(request.driver);
  const options = parseDriverOptions(driver, request.options ?? {});
  const [ipv4, ipv6, internal] = [request.ipv4 !== false, request.ipv6 === true, request.internal === true];
  if (!ipv4 && !ipv6) throw bad(`network ${request.name} has neither IPv4 nor IPv6`, 'enable one of them');
  if (ipv6 && options.mtu !== undefined && options.mtu < 1280)
    throw bad(`IPv6 does not work with an MTU of ${options.mtu}`, 'use at least 1280');
  if (Object.values(options.gatewayMode).includes('isolated') && !internal) {
    throw bad("gateway mode 'isolated' can only be used for an internal network", 'make the network internal');
  }
  if (driver === 'bridge') checkPools(request);
  const link = driver === 'bridge' ? bridgeOf(options, facts) : parentOf(driver, options, facts);
  const draft: NetworkRecord = {
    id: newNetworkId(),
    name: request.name,
    driver,
    createdAtMs: facts.nowMs,
    isBuiltIn: false,
    ...(request.configFrom === undefined ? {} : { configFrom: request.configFrom }),
    labels: request.labels ?? {},
    options: request.options ?? {},
    internal,
    attachable: request.attachable === true,
    ipv4,
    ipv6,
    pools: [],
    links: [link],
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
  };
  return { draft, request, warnings: options.unknown.map((name) => `option ${name} is kept, but the driver ${driver} does not know it`) };
}

function checkName(name: string, networks: readonly NetworkRecord[]): void {
  if (predefined.includes(name)) {
    throw new OrlopError('permission-denied', 'NETWORK_PREDEFINED', `operation is not permitted on predefined ${name} network`, {
      hint: 'choose another name',
    });
  }
  if (!/^[^\p{C}/]{1,255}$/u.test(name) || name.trim() !== name) {
    throw bad(`invalid network name '${name}'`, 'use at most 255 characters, neither / nor blanks around them');
  }
  if (networks.some((network) => network.name === name)) {
    throw new OrlopError('conflict', 'NETWORK_EXISTS', `network with name ${name} already exists`, {
      hint: 'choose another name, or remove it first',
    });
  }
}

function checkDriver(name: string | undefined): NetworkDriver {
  const driver = name === undefined || name === '' || name === 'default' ? 'bridge' : name;
  if (userDrivers.includes(driver)) return driver as NetworkDriver;
  if (builtInDrivers.includes(driver)) {
    const words = `only one instance of "${driver === 'none' ? 'null' : driver}" network is allowed`;
    throw new OrlopError('permission-denied', 'NETWORK_DRIVER_SINGLE', words, {
      hint: `use the network ${driver === 'host' ? 'host' : 'none'}`,
    });
  }
  throw new OrlopError('not-found', 'NETWORK_DRIVER_NOT_FOUND', `plugin "${driver}" not found`, {
    hint: `there are the drivers ${userDrivers.join(', ')}`,
  });
}

function checkPools({ pools = [] }: NetworkRequest): void {
  for (const isSix of [false, true]) {
    const count = pools.filter(({ subnet }) => subnet !== undefined && subnet !== '' && subnet.includes(':') === isSix).length;
    if (count > 1) throw bad("bridge driver doesn't support multiple subnets", 'give one subnet of each family');
  }
}

function bridgeOf({ bridge }: DriverOptions, { prefix, networks }: NetworkFacts): string {
  const links = new Set(networks.flatMap((network) => network.links));
  if (bridge === undefined) return newBridgeLink(prefix, links);
  if (!links.has(bridge)) return bridge;
  throw new OrlopError('conflict', 'NETWORK_LINK_TAKEN', `bridge ${bridge} belongs to another network`, {
    hint: 'choose another name, or none',
  });
}

function parentOf(driver: NetworkDriver, { parent }: DriverOptions, { prefix, networks }: NetworkFacts): string {
  if (parent === 'lo') throw bad(`loopback interface is not a valid ${driver} parent link`, 'choose a link that leads out');
  if (parent === undefined) return newBridgeLink(prefix, new Set(networks.flatMap((network) => network.links)));
  const holder = networks.find((network) => network.links.includes(parent));
  if (holder === undefined) return parent;
  throw new OrlopError('conflict', 'NETWORK_LINK_TAKEN', `network ${holder.name} is already using parent interface ${parent}`, {
    hint: `use a VLAN of it, like ${parent}.50, or that network`,
  });
}

function bad(message: string, hint: string): OrlopError {
  return new OrlopError('invalid-argument', 'NETWORK_REQUEST_BAD', message, { hint });
}
