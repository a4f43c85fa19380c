import { OrlopError } from '#errors';
import { parseDriverOptions } from './driver-options.ts';
import { jointLinks, networkGroup } from './naming.ts';
import { addChild, addVeth, addVlan, deleteLink, setLink, type ChildLink } from './netlink/requests.ts';
import type { Link } from './netlink/replies.ts';
import { isRefusal, type RouteSocket } from './netlink/socket.ts';
import type { NetworkRecord } from './types.ts';

/**
 * Finds the link whose wire the containers of a macvlan or ipvlan network share, or makes it: a VLAN of a link of the host (`eth0.50`), and for a network
 * without a parent one end of a pair that leads nowhere. Returns its index.
 * Fails with `not-found` (no such link) or `failed-precondition` (the kernel cannot).
 */
export function applyParent(socket: RouteSocket, prefix: string, network: NetworkRecord): number {
  const [name] = network.links;
  if (name === undefined) throw new OrlopError('internal', 'NETWORK_LINK_UNKNOWN', `network ${network.name} has no parent link`);
  const { parent } = parseDriverOptions(network.driver, network.options);
  const found = socket.link({ name }) ?? makeParent(socket, prefix, name, parent);
  if (found.group === networkGroup(prefix) && !found.up) socket.change(setLink({ index: found.index }, { up: true }));
  return found.index;
}

/** How containers of the network share the parent's wire. */
export function childKind(network: NetworkRecord): ChildLink['kind'] {
  const options = parseDriverOptions(network.driver, network.options);
  return network.driver === 'macvlan' ? { macvlan: options.macvlan } : { ipvlan: options.ipvlan };
}

/**
 * Makes a link as containers get it and takes it away again. Fails with `failed-precondition` where that is not possible, so that the network is refused and not
 * its first container.
 */
export function probeChild(socket: RouteSocket, network: NetworkRecord, parent: number, name: string): void {
  try {
    socket.change(addChild({ name, parent, kind: childKind(network) }));
  } catch (error) {
    throw describeRefusal(network, error);
  }
  socket.change(deleteLink({ name }));
}

/** The kernel's refusal to make a container's link, as an error of ours. */
export function describeRefusal(network: NetworkRecord, cause: unknown): unknown {
  const parent = network.links[0] ?? '';
  const fail = (message: string, hint: string): OrlopError =>
    new OrlopError('failed-precondition', 'NETWORK_DRIVER_REFUSED', message, { hint, cause });
  if (isRefusal(cause, 'ENOTSUP')) {
    return fail(`the kernel has no ${network.driver} links`, `load the module ${network.driver}, or use a bridge network`);
  }
  if (isRefusal(cause, 'EBUSY', 'EINVAL')) {
    const words = `link ${parent} cannot be shared by ${network.driver}: it is in use otherwise`;
    return fail(
      words,
      'a link is shared by macvlan or by ipvlan, and by one container only in mode passthru; it is neither a loopback nor a port of a bridge',
    );
  }
  return cause;
}

/** Whether this engine made the link: only then it may remove it. */
export function isOurs(link: Link, prefix: string): boolean {
  return link.group === networkGroup(prefix);
}

function makeParent(socket: RouteSocket, prefix: string, name: string, wanted: string | undefined): Link {
  const group = networkGroup(prefix);
  if (wanted === undefined) {
    const [, peer] = jointLinks(prefix, name);
    socket.change(addVeth({ name, mtu: 1500, group, peer: { name: peer } }));
    const hasIpv6 = socket.link({ name: peer })?.ipv6 != null;
    socket.change(setLink({ name: peer }, { up: true, ...(hasIpv6 ? { noIpv6Address: true } : {}) }));
  } else makeVlan(socket, name, group);
  const link = socket.link({ name });
  if (link === null) throw new OrlopError('internal', 'NETWORK_LINK_LOST', `link ${name} disappeared`);
  return link;
}

/** `eth0.50` is the VLAN 50 of eth0, as ip-link(8) and Docker name them. */
function makeVlan(socket: RouteSocket, name: string, group: number): void {
  const [, parentName, text] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  const vlanId = Number(text);
  const parent = parentName === undefined || vlanId < 1 || vlanId > 4094 ? null : socket.link({ name: parentName });
  if (parent === null) {
    throw new OrlopError('not-found', 'NETWORK_PARENT_NOT_FOUND', `link ${name}, which is to be the parent, does not exist`, {
      hint: 'look at `ip link`; eth0.50 is made when eth0 is there',
    });
  }
  try {
    socket.change(addVlan({ name, parent: parent.index, vlanId, group }));
  } catch (cause) {
    if (!isRefusal(cause, 'ENOTSUP')) throw cause;
    throw new OrlopError('failed-precondition', 'NETWORK_DRIVER_REFUSED', `the kernel has no VLANs, which ${name} would be`, {
      hint: 'load the module 8021q',
      cause,
    });
  }
}
