import { closeSync, openSync } from 'node:fs';
import { isErrno } from '#errors';
import type { Logger } from '#log';
import { attach, isAttachable, type AttachmentTools } from './attachment.ts';
import { isLinked, type LinkedEndpoint } from './inside.ts';
import { buriedGroup, isHostLink, jointLinks, networkGroup, turnLink } from './naming.ts';
import type { Link } from './netlink/replies.ts';
import { deleteLink, setLink } from './netlink/requests.ts';
import { isRefusal, openRouteSocket } from './netlink/socket.ts';
import { isPairEndpoint, planBurial, sweepBuried } from './pair.ts';
import type { NetworkRecord, RunningContainer } from './types.ts';

interface Tools extends AttachmentTools {
  readonly logger: Logger;
}

/** See `Networks.reconcile`. */
export async function reconcile(tools: Tools, containerIds: ReadonlySet<string>, running: Iterable<RunningContainer>): Promise<void> {
  const { endpoints, registry, socket, prefix, logger } = tools;
  const orphans = endpoints
    .all()
    .filter((endpoint) => !containerIds.has(endpoint.containerId) || registry.byId(endpoint.networkId) === undefined);
  for (const endpoint of orphans) await endpoints.remove(endpoint);
  buryStrays(tools);
  const swept = sweepBuried(socket, prefix) + removeLeftovers(tools);
  if (orphans.length + swept > 0) logger.info('cleaned up after containers that are gone', { endpoints: orphans.length, links: swept });
  registry.forget();
  for (const network of registry.list()) if (isWanted(tools, network)) await makeWhole(tools, network);
  for (const container of running) await wire(tools, container);
}

/** Takes all pairs out of use and removes them. */
export function removeLinks({ socket, prefix }: Tools): void {
  const links = socket.links().filter((link) => isHostLink(prefix, link.name) && link.group !== buriedGroup(prefix));
  socket.change(...links.flatMap((link) => planBurial(prefix, link)));
  sweepBuried(socket, prefix);
}

/** Pairs that were made for an endpoint that no record names. */
function buryStrays({ endpoints, socket, prefix }: Tools): void {
  const isStray = (link: Link): boolean =>
    isHostLink(prefix, link.name) && !endpoints.hostLinks.has(link.name) && link.group !== buriedGroup(prefix);
  const strays = socket.links().filter((link) => isStray(link));
  socket.change(...strays.flatMap((link) => planBurial(prefix, link)));
}

/** Devices that an engine made for a network and died before it wrote the network down, or after it forgot it. Returns how many there were. */
function removeLeftovers({ registry, endpoints, socket, prefix }: Tools): number {
  const turns = endpoints
    .all()
    .filter(isPairEndpoint)
    .map(({ hostLink }) => turnLink(prefix, hostLink));
  const devices = registry.list().flatMap(({ links }) => links.flatMap((link) => [link, ...jointLinks(prefix, link)]));
  const own = [...devices, ...turns];
  const leftovers = socket.links().filter((link) => link.group === networkGroup(prefix) && !own.includes(link.name));
  for (const { index } of leftovers) {
    try {
      socket.change(deleteLink({ index }));
    } catch (error) {
      // The other end of a pair is gone with the first.
      if (!isRefusal(error, 'ENODEV')) throw error;
    }
  }
  return leftovers.length;
}

/** Devices of networks that nobody has a place in are made when somebody wants one; those that are there are to be right. */
function isWanted({ endpoints, socket }: Tools, network: NetworkRecord): boolean {
  if (!isAttachable(network)) return false;
  return (
    endpoints.ofNetwork(network.id).length > 0 ||
    (network.driver === 'bridge' && network.links.some((name) => socket.link({ name }) !== null))
  );
}

/** Makes the devices, and puts links back into a bridge that was made anew or lost them. One network that cannot be made whole does not stop the others. */
async function makeWhole(tools: Tools, network: NetworkRecord): Promise<void> {
  const { registry, endpoints, socket, logger } = tools;
  let indexes: ReadonlyMap<string, number>;
  try {
    ({ indexes } = await registry.ready(network));
  } catch (error) {
    // What the default bridge lacks, every bridge lacks: the caller says so once.
    if (network.isBuiltIn) throw error;
    logger.warn('a network could not be put right', { network: network.name, error });
    return;
  }
  const wanted = new Map(
    endpoints
      .ofNetwork(network.id)
      .filter(isPairEndpoint)
      .map((endpoint) => [endpoint.hostLink, endpoint]),
  );
  for (const link of socket.links()) {
    const endpoint = wanted.get(link.name);
    const bridge = indexes.get(endpoint?.bridge ?? '');
    if (endpoint === undefined || bridge === undefined) continue;
    if (link.master !== bridge || !link.up) socket.change(setLink({ index: link.index }, { master: bridge, up: true }));
    endpoints.setAttached(endpoint, true);
  }
}

/** Gives a running container the links that it has a place for and does not have: its engine was killed while it was being connected. */
async function wire(tools: Tools, { containerId, netns }: RunningContainer): Promise<void> {
  const { addon, endpoints, logger } = tools;
  const linked = endpoints.ofContainer(containerId).filter(isLinked);
  if (linked.length === 0) return;
  const descriptor = openNamespace(netns);
  if (descriptor === null) return;
  try {
    const inside = lookInside(addon, descriptor);
    for (const endpoint of linked) {
      const isThere = isWired(tools, endpoint, inside);
      endpoints.setAttached(endpoint, isThere);
      if (!isThere) await attach(tools, endpoint, descriptor);
    }
  } catch (error) {
    logger.warn('a running container could not be connected with its networks', { container: containerId, error });
  } finally {
    closeSync(descriptor);
  }
}

/** null: the container has ended. */
function openNamespace(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}

interface Inside {
  readonly links: readonly Link[];
  /** Indexes of links that have an address. */
  readonly addressed: ReadonlySet<number>;
}

function lookInside(addon: Tools['addon'], netnsFd: number): Inside {
  using inside = openRouteSocket(addon, netnsFd);
  return { links: inside.links(), addressed: new Set(inside.addresses().map(({ index }) => index)) };
}

/**
 * Whether the container has the endpoint's link. What its root has made of it since (another name, taken down, other addresses) is its own affair; one that still has
 * its first name, is down and has no address was never finished.
 */
function isWired({ socket }: Tools, endpoint: LinkedEndpoint, inside: Inside): boolean {
  const host = endpoint.hostLink === undefined ? null : socket.link({ name: endpoint.hostLink });
  if (host === null && endpoint.hostLink !== undefined) return false;
  const isIt = (link: Link): boolean =>
    host === null ? link.name === endpoint.link || link.kind === endpoint.driver : link.index === host.parent;
  const found = inside.links.find((link) => isIt(link));
  if (found === undefined) return host !== null;
  return found.name !== endpoint.link || found.up || inside.addressed.has(found.index);
}
