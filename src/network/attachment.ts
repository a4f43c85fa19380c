import { OrlopError } from '#errors';
import { parseDriverOptions } from './driver-options.ts';
import type { EndpointTable } from './endpoint-table.ts';
import { isRoutedByLink } from './endpoints.ts';
import { configureInside, isLinked, rerouteInside, type Exit, type LinkedEndpoint } from './inside.ts';
import { parseMac } from './ipam.ts';
import { addChild, deleteLink, type LinkRef } from './netlink/requests.ts';
import { isRefusal, openRouteSocket, type RouteSocket } from './netlink/socket.ts';
import { buryPair, createPair, isPairEndpoint } from './pair.ts';
import { childKind, describeRefusal } from './parents.ts';
import type { ReadyNetwork, Registry } from './registry.ts';
import { buryTurn } from './shaping.ts';
import type { Sweeper } from './sweeper.ts';
import type { Endpoint, NetworkCalls, NetworkRecord } from './types.ts';

/** What endpoints are wired with. */
export interface AttachmentTools {
  readonly addon: NetworkCalls;
  readonly socket: RouteSocket;
  readonly prefix: string;
  readonly registry: Registry;
  readonly endpoints: EndpointTable;
  readonly sweeper: Sweeper;
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean;
}

/** Whether containers have a link of their own in the network. */
export function isAttachable(network: NetworkRecord): boolean {
  return network.driver !== 'host' && network.driver !== 'none';
}

/** See `Networks.attach`. */
export async function attach(tools: AttachmentTools, endpoint: Endpoint, netnsFd: number): Promise<void> {
  if (!isLinked(endpoint)) return;
  const { addon, endpoints, ipv6 } = tools;
  const ready = await readyFor(tools, endpoint);
  checkHeld(tools, endpoint);
  using undo = new DisposableStack();
  undo.defer(() => cutOff(tools, endpoint, netnsFd));
  connect(tools, endpoint, ready, netnsFd);
  configureInside(addon, { netnsFd, endpoint, exits: exitsOf(tools, endpoint.containerId, endpoint), ipv6 });
  undo.move();
  endpoints.setAttached(endpoint, true);
}

/** See `Networks.detach`. */
export function detach(tools: AttachmentTools, endpoint: Endpoint, netnsFd?: number): void {
  if (!isLinked(endpoint)) return;
  tools.endpoints.setAttached(endpoint, false);
  if (netnsFd === undefined) {
    // The link of a macvlan or ipvlan is nowhere but in the namespace, and goes with it.
    if (!isPairEndpoint(endpoint)) return;
    buryTurn(tools.socket, tools.prefix, endpoint.hostLink);
    if (buryPair(tools.socket, tools.prefix, endpoint.hostLink)) tools.sweeper.soon();
    return;
  }
  removeNow(tools, endpoint, netnsFd);
  rerouteInside(tools.addon, netnsFd, exitsOf(tools, endpoint.containerId));
}

/** The network's devices, made again when somebody removed them since. */
async function readyFor(tools: AttachmentTools, endpoint: LinkedEndpoint): Promise<ReadyNetwork> {
  const { registry, socket } = tools;
  const network = checkHeld(tools, endpoint);
  const ready = await registry.ready(network);
  const names = new Set([deviceOf(ready, endpoint)[0], network.links[0] ?? '']);
  const isThere = (name: string): boolean => socket.link({ index: ready.indexes.get(name) ?? -1 })?.name === name;
  if ([...names].every((name) => isThere(name))) return ready;
  registry.forget();
  return registry.ready(network);
}

/** The bridge of the endpoint, or the parent of its link. */
function deviceOf({ network, indexes }: ReadyNetwork, endpoint: LinkedEndpoint): readonly [name: string, index: number | undefined] {
  const name = endpoint.bridge ?? network.links[0] ?? '';
  return [name, indexes.get(name)];
}

function checkHeld({ endpoints, registry }: AttachmentTools, endpoint: LinkedEndpoint): NetworkRecord {
  const { containerId, wishes } = endpoint;
  const network = registry.byId(endpoint.networkId);
  if (network === undefined || endpoints.get(containerId, endpoint.network)?.id !== endpoint.id) {
    throw new OrlopError(
      'failed-precondition',
      'NETWORK_ENDPOINT_RELEASED',
      `container ${containerId} has no place in ${endpoint.network}`,
      {
        hint: 'reserve an endpoint first',
      },
    );
  }
  if (wishes.address === undefined && wishes.address6 === undefined) return network;
  // Several may have been promised an address that all of them wished for.
  const isSame = (other: Endpoint): boolean =>
    other.id !== endpoint.id &&
    ((other.address !== undefined && other.address === endpoint.address) ||
      (other.address6 !== undefined && other.address6 === endpoint.address6));
  const holder = endpoints.ofNetwork(network.id).find((other) => isSame(other) && endpoints.isAttached(other));
  if (holder === undefined) return network;
  const text = holder.address === endpoint.address ? holder.address : holder.address6;
  throw new OrlopError('conflict', 'NETWORK_ADDRESS_TAKEN', `Address already in use: ${text}`, {
    hint: `stop container ${holder.names[0] ?? holder.containerId.slice(0, 12)} first, which has it in network ${network.name}`,
  });
}

function connect(tools: AttachmentTools, endpoint: LinkedEndpoint, ready: ReadyNetwork, netnsFd: number): void {
  const { socket, prefix, ipv6 } = tools;
  const { network } = ready;
  const [name, device] = deviceOf(ready, endpoint);
  if (device === undefined) {
    throw new OrlopError('internal', 'NETWORK_LINK_UNKNOWN', `network ${network.name} has no device ${name}`, {
      hint: 'start the engine again',
    });
  }
  if (isPairEndpoint(endpoint)) {
    const isolated = !parseDriverOptions(network.driver, network.options).interContainer;
    createPair(socket, endpoint, { prefix, bridge: device, mtu: ready.mtu ?? 1500, ipv6, isolated, netnsFd });
    return;
  }
  const mac = parseMac(endpoint.mac ?? '');
  const link = { name: endpoint.link, parent: device, kind: childKind(network), netnsFd };
  try {
    socket.change(addChild({ ...link, ...(mac === null ? {} : { mac }), ...(ready.mtu === undefined ? {} : { mtu: ready.mtu }) }));
  } catch (error) {
    throw describeRefusal(network, error);
  }
}

/** Takes back what a failed attachment made. */
function cutOff(tools: AttachmentTools, endpoint: LinkedEndpoint, netnsFd: number): void {
  if (isPairEndpoint(endpoint)) buryPair(tools.socket, tools.prefix, endpoint.hostLink);
  else removeInside(tools.addon, endpoint, netnsFd);
}

/** The price of tens of milliseconds: the interface must not be seen any more in a container that goes on. */
function removeNow(tools: AttachmentTools, endpoint: LinkedEndpoint, netnsFd: number): void {
  if (isPairEndpoint(endpoint)) {
    buryTurn(tools.socket, tools.prefix, endpoint.hostLink);
    removeLink(tools.socket, { name: endpoint.hostLink });
  } else removeInside(tools.addon, endpoint, netnsFd);
}

function removeInside(addon: NetworkCalls, endpoint: LinkedEndpoint, netnsFd: number): void {
  using inside = openRouteSocket(addon, netnsFd);
  removeLink(inside, { name: endpoint.link });
}

function removeLink(socket: RouteSocket, link: LinkRef): void {
  try {
    socket.change(deleteLink(link));
  } catch (error) {
    if (!isRefusal(error, 'ENODEV')) throw error;
  }
}

/** The container's attached places, and the one that is being attached. */
function exitsOf({ endpoints, registry }: AttachmentTools, containerId: string, added?: LinkedEndpoint): Exit[] {
  return endpoints
    .ofContainer(containerId)
    .filter((other) => other.id === added?.id || endpoints.isAttached(other))
    .filter(isLinked)
    .flatMap((other) => exitOf(registry, other));
}

function exitOf(registry: Registry, endpoint: LinkedEndpoint): Exit[] {
  const network = registry.byId(endpoint.networkId);
  if (network === undefined) return [];
  const options = parseDriverOptions(network.driver, network.options);
  return [{ endpoint, isRoutedByLink: isRoutedByLink(network, options), internal: network.internal }];
}
