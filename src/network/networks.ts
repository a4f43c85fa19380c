import { existsSync } from 'node:fs';
import { openNameServers } from './dns/name-servers.ts';
import type { Directory } from './dns/types.ts';
import { attach, detach, isAttachable, type AttachmentTools } from './attachment.ts';
import { usualPortLimit } from './bridges.ts';
import { checkHasPlaces } from './configuration.ts';
import { parseDriverOptions } from './driver-options.ts';
import { createEndpointTable, type EndpointTable } from './endpoint-table.ts';
import { planEndpoint } from './endpoints.ts';
import { inspectHost } from './firewall/inspect-host.ts';
import { openFirewall } from './firewall/firewall.ts';
import { checkPrefix, networkGroup, tableName } from './naming.ts';
import { openRouteSocket } from './netlink/socket.ts';
import { sweepBuried } from './pair.ts';
import { openPorts, type PublishingRules } from './ports/ports.ts';
import { reconcile, removeLinks } from './reconcile.ts';
import { builtInNetworks, mergeNetworks, readEndpoint } from './records.ts';
import { createRegistry, type Registry } from './registry.ts';
import { shape } from './shaping.ts';
import { createSweeper } from './sweeper.ts';
import type { Endpoint, EndpointWishes, NetworkRecord, Networks, NetworksOptions } from './types.ts';
import { checkSameWishes, parseWishes, wishesIn } from './wishes.ts';

/** What the functions of this file share: the records of one engine, and the ways to the kernel. */
interface Context extends NetworksOptions, AttachmentTools {
  readonly portLimit: number;
}

/**
 * Opens the networks of one engine: reads the stored records, touches nothing of the host yet. `none` and `host` need neither nft nor
 * privileges. Fails with `invalid-argument` on a prefix that cannot name links.
 */
export async function openNetworks(options: NetworksOptions): Promise<Networks> {
  checkPrefix(options.prefix);
  const records = mergeNetworks(builtInNetworks(options.prefix), await options.state.loadNetworks());
  const stored = (await options.state.loadEndpoints()).map((endpoint) => readEndpoint(endpoint, (name) => records.get(name)?.id ?? ''));
  await using opened = new AsyncDisposableStack();
  const { addon, prefix, logger } = options;
  const endpoints = createEndpointTable(options.state, stored);
  const socket = opened.use(openRouteSocket(addon));
  const firewall = opened.use(openFirewall({ addon, logger, table: tableName(prefix), linkGroup: networkGroup(prefix) }));
  const sweeper = opened.use(createSweeper(() => sweepBuried(socket, prefix), logger));
  const registry = createRegistry({ ...options, socket, firewall, endpoints, sweeper }, records);
  const rulesOf = ({ networkId }: Endpoint) => rulesOfNetwork(registry.byId(networkId));
  const ports = opened.use(openPorts({ ...options, firewall, endpoints: endpoints.ofContainer, rulesOf, socket }));
  const names = opened.use(openNameServers({ ...options, directory: directoryOf(endpoints, registry) }));
  const ipv6 = existsSync('/proc/sys/net/ipv6/conf');
  const context: Context = { portLimit: usualPortLimit, ...options, socket, endpoints, registry, sweeper, ipv6 };
  const resources = opened.move();
  return {
    list: registry.list,
    find: registry.find,
    create: registry.create,
    remove: registry.remove,
    ports,
    inspectFirewall: () => inspectHost({ firewall, socket, table: tableName(prefix) }),
    names,
    endpoints: (containerId) => (containerId === undefined ? endpoints.all() : endpoints.ofContainer(containerId)),
    isAttached: endpoints.isAttached,
    reserve: (containerId, network, wanted = {}) => reserve(context, containerId, network, wanted),
    rename: (containerId, from, to) => rename(endpoints, containerId, from, to),
    attach: (endpoint, netnsFd) => attach(context, endpoint, netnsFd),
    detach: async (endpoint, netnsFd) => detach(context, endpoint, netnsFd),
    shape: (containerId, rates) => shape(context, containerId, rates),
    release: (containerId, network) => release(context, containerId, network),
    reconcile: (containerIds, running = []) => reconcile(context, new Set(containerIds), running),
    removeAll: () => removeAll(context),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function rulesOfNetwork(network: NetworkRecord | undefined): PublishingRules {
  if (network === undefined) return {};
  const { hostBinding, gatewayMode, trustedLinks } = parseDriverOptions(network.driver, network.options);
  const isRouted = { 4: gatewayMode.ipv4 === 'routed', 6: gatewayMode.ipv6 === 'routed' };
  return { binding: hostBinding, isRouted, isTrusting: trustedLinks.length > 0 };
}

async function reserve(
  context: Context,
  containerId: string,
  ref: string,
  wanted: EndpointWishes & { readonly names?: readonly string[] },
): Promise<Endpoint> {
  const { registry, endpoints, prefix } = context;
  const wishes = parseWishes(wanted);
  for (;;) {
    const found = registry.find(ref);
    checkHasPlaces(found);
    const network = isAttachable(found) ? (await registry.ready(found)).network : found;
    // From here to the table's entry nothing waits, so that no address is given twice.
    const existing = endpoints.get(containerId, network.name);
    if (existing !== undefined) {
      checkSameWishes(existing, wishesIn(network, wishes));
      return existing;
    }
    // Somebody may have removed it while its devices were made: then it is looked for again, and not found.
    if (registry.byId(network.id) === undefined) continue;
    const bridge = network.driver === 'bridge' ? freeBridge(context, network) : undefined;
    if (network.driver === 'bridge' && bridge === undefined) {
      await registry.grow(network, network.links.length);
      continue;
    }
    const plan = { prefix, containerId, network, table: endpoints, wanted, ...(bridge === undefined ? {} : { bridge }) };
    return endpoints.save(planEndpoint(plan));
  }
}

/** The first bridge of the network that has a port left. */
function freeBridge({ endpoints, portLimit }: Context, network: NetworkRecord): string | undefined {
  const occupancy = endpoints.occupancy(network);
  return network.links.find((link) => occupancy.portsOf(link) < portLimit);
}

async function rename(endpoints: EndpointTable, containerId: string, from: string, to: string): Promise<void> {
  for (const endpoint of endpoints.ofContainer(containerId)) {
    if (!endpoint.names.includes(from)) continue;
    await endpoints.save({ ...endpoint, names: endpoint.names.map((name) => (name === from ? to : name)) });
  }
}

async function release(context: Context, containerId: string, network: string | undefined): Promise<void> {
  for (const endpoint of context.endpoints.ofContainer(containerId)) {
    if (network !== undefined && endpoint.network !== network) continue;
    detach(context, endpoint);
    await context.endpoints.remove(endpoint);
  }
}

async function removeAll(context: Context): Promise<void> {
  const { registry, endpoints } = context;
  removeLinks(context);
  await registry.removeDevices();
  for (const endpoint of endpoints.all()) await endpoints.remove(endpoint);
}

/** Who has a name: attached endpoints of networks that users made. */
function directoryOf(endpoints: EndpointTable, registry: Registry): Directory {
  const isNamed = (endpoint: Endpoint): boolean => endpoints.isAttached(endpoint) && registry.byId(endpoint.networkId)?.isBuiltIn === false;
  return {
    placesOf: (containerId) => endpoints.ofContainer(containerId).filter(isNamed),
    membersOf: (name) => {
      const network = registry.list().find((candidate) => candidate.name === name);
      return network === undefined ? [] : endpoints.ofNetwork(network.id).filter(isNamed);
    },
    revision: endpoints.revision,
  };
}
