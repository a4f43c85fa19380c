import { existsSync } from 'node:fs';
import { OrlopError } from '#errors';
import { createBridges, type Bridges } from './bridges.ts';
import { checkSameWishes, parseWishes, planEndpoint } from './endpoints.ts';
import { openFirewall } from './firewall/firewall.ts';
import { buriedGroup, checkPrefix, isHostLink, tableName } from './naming.ts';
import { setLink } from './netlink/requests.ts';
import { openRouteSocket, type RouteSocket } from './netlink/socket.ts';
import { attachPair, buryPair, isPairEndpoint, planBurial, sweepBuried, type PairEndpoint } from './pair.ts';
import { openPorts } from './ports/ports.ts';
import { builtInNetworks, mergeNetworks, readEndpoint } from './records.ts';
import { createSweeper, type Sweeper } from './sweeper.ts';
import type { Endpoint, EndpointWishes, NetworkRecord, Networks, NetworksOptions } from './types.ts';

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
  const networks = mergeNetworks(builtInNetworks(options.prefix), await options.state.loadNetworks());
  const stored = await options.state.loadEndpoints();
  const endpoints = new Map(
    stored.map((endpoint) => [
      keyOf(endpoint.containerId, endpoint.network),
      readEndpoint(endpoint, (name) => networks.get(name)?.id ?? ''),
    ]),
  );
  const socket = openRouteSocket(options.addon);
  const firewall = openFirewall({ addon: options.addon, table: tableName(options.prefix) });
  const bridges = createBridges({ ...options, socket, networks, firewall });
  const endpointsOf = (containerId?: string): Endpoint[] =>
    [...endpoints.values()].filter((endpoint) => containerId === undefined || endpoint.containerId === containerId);
  const ports = openPorts({
    ...options,
    firewall,
    endpoints: endpointsOf,
    hostAddresses: () => socket.addresses().map(({ address }) => address),
  });
  const sweeper = createSweeper(() => sweepBuried(socket, options.prefix), options.logger);
  const context: Context = { ...options, socket, networks, endpoints, bridges, sweeper, ipv6: existsSync('/proc/sys/net/ipv6/conf') };
  return {
    list: () => [...networks.values()],
    find: (ref) => find(networks, ref),
    create: async (request) => refuse('create', request.name),
    remove: async (ref) => refuse('remove', ref),
    endpoints: endpointsOf,
    ports,
    reserve: (containerId, network, wanted = {}) => reserve(context, containerId, network, wanted),
    attach: (endpoint, netnsFd) => attach(context, endpoint, netnsFd),
    detach: async (endpoint) => detach(context, endpoint),
    isAttached: (endpoint) => endpoint.hostLink !== undefined && (socket.link({ name: endpoint.hostLink })?.master ?? 0) !== 0,
    rename: (containerId, from, to) => rename(context, containerId, from, to),
    release: (containerId, network) => release(context, containerId, network),
    reconcile: (containerIds) => reconcile(context, new Set(containerIds)),
    removeAll: () => removeAll(context),
    async [Symbol.asyncDispose]() {
      sweeper[Symbol.dispose]();
      socket[Symbol.dispose]();
      firewall[Symbol.dispose]();
      ports[Symbol.dispose]();
    },
  };
}

function find(networks: ReadonlyMap<string, NetworkRecord>, ref: string): NetworkRecord {
  const all = [...networks.values()];
  const exact = networks.get(ref) ?? all.find((network) => network.id === ref);
  if (exact !== undefined) return exact;
  const found = /^[0-9a-f]+$/.test(ref) ? all.filter((network) => network.id.startsWith(ref)) : [];
  if (found.length > 1)
    throw new OrlopError('invalid-argument', 'NETWORK_AMBIGUOUS', `network ${ref} is ambiguous (${found.length} matches found on name)`);
  if (found[0] !== undefined) return found[0];
  throw new OrlopError('not-found', 'NETWORK_NOT_FOUND', `network ${ref} not found`, {
    hint: `choose one of ${[...networks.keys()].join(', ')}`,
  });
}

async function reserve(
  context: Context,
  containerId: string,
  ref: string,
  wanted: EndpointWishes & { readonly names?: readonly string[] },
): Promise<Endpoint> {
  const { networks, endpoints, bridges, prefix } = context;
  const network = find(networks, ref);
  const wishes = parseWishes(wanted);
  const ready = network.driver === 'bridge' ? await bridges.ready(network) : null;
  // From here to the map's entry nothing waits, so that no address is given twice.
  const existing = endpoints.get(keyOf(containerId, network.name));
  if (existing !== undefined) {
    checkSameWishes(existing, wishes);
    return existing;
  }
  return remember(
    context,
    planEndpoint({ prefix, containerId, network: ready?.network ?? network, endpoints: [...endpoints.values()], wanted }),
  );
}

function refuse(verb: string, name: string): never {
  throw new OrlopError('unimplemented', 'NETWORK_USER_NETWORKS', `cannot ${verb} network ${name}: only the built-in networks exist yet`);
}

async function rename(context: Context, containerId: string, from: string, to: string): Promise<void> {
  for (const endpoint of context.endpoints.values()) {
    if (endpoint.containerId !== containerId || !endpoint.names.includes(from)) continue;
    await remember(context, { ...endpoint, names: endpoint.names.map((name) => (name === from ? to : name)) });
  }
}

/** Keeps the endpoint, in memory first and then in the store; when it cannot be stored, all is as before. */
async function remember(context: Context, endpoint: Endpoint): Promise<Endpoint> {
  const key = keyOf(endpoint.containerId, endpoint.network);
  const before = context.endpoints.get(key);
  context.endpoints.set(key, endpoint);
  try {
    await context.state.saveEndpoint(endpoint);
  } catch (error) {
    if (before === undefined) context.endpoints.delete(key);
    else context.endpoints.set(key, before);
    throw error;
  }
  return endpoint;
}

async function attach(context: Context, endpoint: Endpoint, netnsFd: number): Promise<void> {
  if (!isPairEndpoint(endpoint)) return;
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
  if (socket.link({ index: bridge.index })?.name !== network.links[0]) {
    // Somebody removed the bridge since: make it again.
    bridges.forget();
    bridge = await bridges.ready(network);
  }
  attachPair(addon, socket, endpoint, { prefix, bridge: bridge.index, mtu: bridge.mtu, ipv6, netnsFd });
}

function detach(context: Context, endpoint: Endpoint): void {
  if (!isPairEndpoint(endpoint)) return;
  if (buryPair(context.socket, context.prefix, endpoint.hostLink)) context.sweeper.soon();
}

async function release(context: Context, containerId: string, network: string | undefined): Promise<void> {
  const own = [...context.endpoints.values()].filter(
    (endpoint) => endpoint.containerId === containerId && (network === undefined || endpoint.network === network),
  );
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
  const kept = new Map([...endpoints.values()].filter(isPairEndpoint).map((endpoint) => [endpoint.hostLink, endpoint]));
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
function rejoin(socket: RouteSocket, bridge: number, endpoints: readonly PairEndpoint[]): void {
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

function keyOf(containerId: string, network: string): string {
  return `${containerId}/${network}`;
}
