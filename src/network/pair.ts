import { OrlopError } from '#errors';
import type { LinkedEndpoint } from './inside.ts';
import { parseMac } from './ipam.ts';
import { buriedGroup, buriedLink } from './naming.ts';
import type { Link } from './netlink/replies.ts';
import { addVeth, deleteGroup, isolatePort, setLink, type Request } from './netlink/requests.ts';
import { isRefusal, type RouteSocket } from './netlink/socket.ts';
import type { Endpoint } from './types.ts';

/** An endpoint that has a pair. */
export type PairEndpoint = LinkedEndpoint & Required<Pick<Endpoint, 'bridge' | 'hostLink' | 'mac'>>;

/** Whether the endpoint is one on a bridge. */
export function isPairEndpoint(endpoint: Endpoint): endpoint is PairEndpoint {
  return endpoint.hostLink !== undefined;
}

/** What a pair is connected with. */
export interface PairPlace {
  readonly prefix: string;
  /** Index of the bridge. */
  readonly bridge: number;
  readonly mtu: number;
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean;
  /** Whether the port reaches the host only, and no other isolated one. */
  readonly isolated: boolean;
  readonly netnsFd: number;
}

/**
 * Takes the host's end out of its bridge and out of use: down, renamed so that its name is free, and in the group that `sweepBuried` removes.
 * Removing it right away would stop the whole event loop for tens of milliseconds while the kernel waits for all processors, and mostly the
 * pair is about to go with its namespace anyway. Returns whether there was one.
 */
export function buryPair(host: RouteSocket, prefix: string, name: string): boolean {
  const link = host.link({ name });
  if (link === null) return false;
  try {
    host.change(...planBurial(prefix, link));
  } catch (error) {
    // Its namespace may have ended at this very moment.
    if (host.link({ index: link.index }) !== null) throw error;
  }
  return true;
}

/** Pure. A link keeps its name while it is up on kernels before 6.2, hence two steps. */
export function planBurial(prefix: string, link: Pick<Link, 'index'>): Request[] {
  const ref = { index: link.index };
  return [setLink(ref, { master: 0, up: false, group: buriedGroup(prefix) }), setLink(ref, { name: buriedLink(prefix, link.index) })];
}

/** Removes the buried pairs that did not go by themselves; blocks for as long as the kernel takes, whatever their number. */
export function sweepBuried(host: RouteSocket, prefix: string): number {
  const group = buriedGroup(prefix);
  const count = host.links().filter((link) => link.group === group).length;
  if (count === 0) return 0;
  try {
    host.change(deleteGroup(group));
  } catch (error) {
    if (!isRefusal(error, 'ENODEV')) throw error;
  }
  return count;
}

/** Makes the pair, with one end in the namespace, down, and the other a port of the bridge. A pair of this name that is still there is buried. */
export function createPair(host: RouteSocket, endpoint: PairEndpoint, place: PairPlace): void {
  const peer = { name: endpoint.link, mac: parseMac(endpoint.mac) ?? new Uint8Array(6), netnsFd: place.netnsFd };
  const requests = [
    addVeth({ name: endpoint.hostLink, mtu: place.mtu, master: place.bridge, peer }),
    setLink({ name: endpoint.hostLink }, { up: true, noIpv6Address: place.ipv6 }),
  ];
  // Who may be in the way: a pair of this name, from before a quick restart; or the inner end of a buried pair, in the same namespace.
  const remedies = [() => buryPair(host, place.prefix, endpoint.hostLink), () => sweepBuried(host, place.prefix) > 0];
  for (;;) {
    try {
      host.change(...requests);
      break;
    } catch (error) {
      if (isRefusal(error, 'EXFULL')) throw describeFullBridge(endpoint, error);
      if (!isRefusal(error, 'EEXIST') || !applyNext(remedies)) throw error;
    }
  }
  if (place.isolated) isolate(host, endpoint.hostLink);
}

function isolate(host: RouteSocket, name: string): void {
  const link = host.link({ name });
  if (link !== null) host.change(isolatePort(link.index, true));
}

/** Applies remedies, each once, until one had something to do. */
function applyNext(remedies: (() => boolean)[]): boolean {
  for (let remedy = remedies.shift(); remedy !== undefined; remedy = remedies.shift()) {
    if (remedy()) return true;
  }
  return false;
}

function describeFullBridge(endpoint: PairEndpoint, cause: unknown): OrlopError {
  return new OrlopError(
    'resource-exhausted',
    'NETWORK_BRIDGE_FULL',
    `bridge ${endpoint.bridge} has no port left for container ${endpoint.containerId}`,
    {
      hint: 'stop a container of this network: the kernel gives a bridge 1,023 ports',
      cause,
    },
  );
}
