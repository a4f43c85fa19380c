import { existsSync } from 'node:fs';
import { OrlopError } from '#errors';
import { createBridges, type Bridges } from './bridges.ts';
import { checkSameWishes, parseWishes, planBridgeEndpoint, planPlainEndpoint } from './endpoints.ts';
import { bridgeLink, buriedGroup, checkPrefix, isHostLink, networkId } from './naming.ts';
import { setLink } from './netlink/requests.ts';
import { openRouteSocket, type RouteSocket } from './netlink/socket.ts';
import { attachPair, buryPair, planBurial, sweepBuried } from './pair.ts';
import { createSweeper, type Sweeper } from './sweeper.ts';
import {
  DEFAULT_NETWORK,
  type BridgeEndpoint,
  type Endpoint,
  type EndpointWishes,
  type NetworkRecord,
  type Networks,
  type NetworksOptions,
} from './types.ts';

/** What the functions of this file share: the records of one engine, and the ways to the kernel. */
interface Context extends NetworksOptions {
  readonly socket: RouteSocket;
  readonly networks: Map<string, NetworkRecord>;
  /** By container and network. */
  readonly endpoints: Map<string, Endpoint>;
  readonly bridges: Bridges;
  readonly sweeper: Sweeper;
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean;
}

/**
 * Opens the networks of one engine: reads the stored records, touches nothing of the host yet. `none` and `host` need neither nft nor
 * privileges. Fails with `invalid-argument` on a prefix that cannot name links.
 */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  checkPrefix(options.prefix);
  const networks = mergeNetworks(builtIn(options.prefix), await options.state.loadNetworks());
  const endpoints = new Map(
    (await options.state.loadEndpoints()).map((endpoint) => [keyOf(endpoint.containerId, endpoint.network), endpoint]),
  );
  const socket = openRouteSocket(options.addon);
  const bridges = createBridges({ ...options, socket, networks });
  const sweeper = createSweeper(() => sweepBuried(socket, options.prefix), options.logger);
  const context: Context = { ...options, socket, networks, endpoints, bridges, sweeper, ipv6: existsSync('/proc/sys/net/ipv6/conf') };
  return {
    list: () => [...networks.values()],
    endpoints: (containerId) =>
      [...endpoints.values()].filter((endpoint) => containerId === undefined || endpoint.containerId === containerId),
    reserve: (containerId, network, wanted = {}) => reserve(context, containerId, network, wanted),
    attach: (endpoint, netnsFd) => attach(context, endpoint, netnsFd),
    sysctls: (endpoint) =>
      endpoint.driver === 'bridge' && context.ipv6 ? { [`net.ipv6.conf.${endpoint.containerLink}.disable_ipv6`]: '1' } : {},
    detach: async (endpoint) => detach(context, endpoint),
    release: (containerId) => release(context, containerId),
    reconcile: (containerIds) => reconcile(context, new Set(containerIds)),
    removeAll: () => removeAll(context),
    async [Symbol.asyncDispose]() {
      sweeper[Symbol.dispose]();
      socket[Symbol.dispose]();
    },
  };
}

async function reserve(context: Context, containerId: string, name: string, wanted: EndpointWishes): Promise<Endpoint> {
  const { networks, endpoints, bridges, prefix } = context;
  const network = networks.get(name);
  if (network === undefined) {
    throw new OrlopError('not-found', 'NETWORK_NOT_FOUND', `network '${name}' not found`, {
      hint: `choose one of ${[...networks.keys()].join(', ')}`,
    });
  }
  const wishes = parseWishes(wanted);
  const ready = network.driver === 'bridge' ? await bridges.ready(network) : null;
  // From here to the map's entry nothing waits, so that no address is given twice.
  const existing = endpoints.get(keyOf(containerId, name));
  if (existing !== undefined) {
    checkSameWishes(existing, wishes);
    return existing;
  }
  const endpoint =
    network.driver === 'bridge'
      ? planBridgeEndpoint(prefix, containerId, ready?.network ?? network, [...endpoints.values()], wishes)
      : planPlainEndpoint(containerId, name, network.driver, wishes);
  return remember(context, endpoint);
}

/** Keeps the endpoint, in memory first and then in the store; forgets it when it cannot be stored. */
async function remember(context: Context, endpoint: Endpoint): Promise<Endpoint> {
  const key = keyOf(endpoint.containerId, endpoint.network);
  context.endpoints.set(key, endpoint);
  try {
    await context.state.saveEndpoint(endpoint);
  } catch (error) {
    context.endpoints.delete(key);
    throw error;
  }
  return endpoint;
}

async function attach(context: Context, endpoint: Endpoint, netnsFd: number): Promise<void> {
  if (endpoint.driver !== 'bridge') return;
  const { addon, bridges, socket, prefix, ipv6 } = context;
  const network = context.networks.get(endpoint.network);
  const held = context.endpoints.get(keyOf(endpoint.containerId, endpoint.network));
  if (network?.driver !== 'bridge' || held?.id !== endpoint.id) {
    throw new OrlopError(
      'failed-precondition',
      'NETWORK_ENDPOINT_RELEASED',
      `container ${endpoint.containerId} has no place in ${endpoint.network}`,
      {
        hint: 'reserve an endpoint first',
      },
    );
  }
  let bridge = await bridges.ready(network);
  if (socket.link({ index: bridge.index })?.name !== network.link) {
    // Somebody removed the bridge since: make it again.
    bridges.forget();
    bridge = await bridges.ready(network);
  }
  attachPair(addon, socket, endpoint, { prefix, bridge: bridge.index, mtu: bridge.mtu, ipv6, netnsFd });
}

function detach(context: Context, endpoint: Endpoint): void {
  if (endpoint.driver !== 'bridge') return;
  if (buryPair(context.socket, context.prefix, endpoint.hostLink)) context.sweeper.soon();
}

async function release(context: Context, containerId: string): Promise<void> {
  const own = [...context.endpoints.values()].filter((endpoint) => endpoint.containerId === containerId);
  for (const endpoint of own) {
    detach(context, endpoint);
    await forget(context, endpoint);
  }
}

/** The address is free again only when the store has forgotten it too. */
async function forget(context: Context, endpoint: Endpoint): Promise<void> {
  await context.state.removeEndpoint(endpoint.containerId, endpoint.network);
  context.endpoints.delete(keyOf(endpoint.containerId, endpoint.network));
}

async function reconcile(context: Context, containerIds: ReadonlySet<string>): Promise<void> {
  const { socket, prefix, bridges, networks, endpoints, logger } = context;
  const orphans = [...endpoints.values()].filter((endpoint) => !containerIds.has(endpoint.containerId));
  for (const endpoint of orphans) await forget(context, endpoint);
  const kept = new Map(bridgeEndpoints(context).map((endpoint) => [endpoint.hostLink, endpoint]));
  const isStray = (link: { name: string; group: number }): boolean =>
    isHostLink(prefix, link.name) && !kept.has(link.name) && link.group !== buriedGroup(prefix);
  const strays = socket.links().filter((link) => isStray(link));
  socket.change(...strays.flatMap((link) => planBurial(prefix, link)));
  const swept = sweepBuried(socket, prefix);
  if (orphans.length + swept > 0) logger.info('cleaned up after containers that are gone', { endpoints: orphans.length, links: swept });
  bridges.forget();
  for (const network of networks.values()) {
    const own = [...kept.values()].filter((endpoint) => endpoint.network === network.name);
    if (network.driver === 'bridge' && own.length > 0) rejoin(socket, (await bridges.ready(network)).index, own);
  }
}

/** Puts links back into their bridge, which was made anew or lost them. */
function rejoin(socket: RouteSocket, bridge: number, endpoints: readonly BridgeEndpoint[]): void {
  const names = new Set(endpoints.map((endpoint) => endpoint.hostLink));
  const lost = socket.links().filter((link) => names.has(link.name) && (link.master !== bridge || !link.up));
  socket.change(...lost.map((link) => setLink({ index: link.index }, { master: bridge, up: true })));
}

async function removeAll(context: Context): Promise<void> {
  const { socket, prefix, bridges, endpoints } = context;
  const links = socket.links().filter((link) => isHostLink(prefix, link.name) && link.group !== buriedGroup(prefix));
  socket.change(...links.flatMap((link) => planBurial(prefix, link)));
  sweepBuried(socket, prefix);
  await bridges.remove();
  for (const endpoint of endpoints.values()) await forget(context, endpoint);
}

function bridgeEndpoints(context: Context): BridgeEndpoint[] {
  return [...context.endpoints.values()].filter((endpoint) => endpoint.driver === 'bridge');
}

/** Of a built-in network only the choice of its subnet is taken from the store; its names follow from the prefix. */
function mergeNetworks(own: readonly NetworkRecord[], stored: readonly NetworkRecord[]): Map<string, NetworkRecord> {
  const networks = new Map(stored.map((network) => [network.name, network]));
  for (const network of own) {
    const kept = networks.get(network.name);
    const isChosen = kept?.driver === 'bridge' && kept.subnet !== undefined && kept.gateway !== undefined;
    networks.set(
      network.name,
      isChosen && network.driver === 'bridge' ? { ...network, subnet: kept.subnet, gateway: kept.gateway } : network,
    );
  }
  return networks;
}

function builtIn(prefix: string): NetworkRecord[] {
  return [
    { id: networkId(prefix, DEFAULT_NETWORK), name: DEFAULT_NETWORK, driver: 'bridge', link: bridgeLink(prefix) },
    { id: networkId(prefix, 'host'), name: 'host', driver: 'host' },
    { id: networkId(prefix, 'none'), name: 'none', driver: 'none' },
  ];
}

function keyOf(containerId: string, network: string): string {
  return `${containerId}/${network}`;
}
