import { addressToBytes, lastAddress, subnetOf, type Address } from '../addresses.ts';
import * as n from './constants.ts';
import { attribute, concatenate, nested, text, u32, u8 } from './wire.ts';

/** What is asked of the kernel, and in whose words a failure is told. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
  /** Completes "cannot …": `create bridge orl3fa2b1br0`. */
  readonly purpose: string;
}

/** Which link: names change, indexes do not. */
export type LinkRef = { readonly name: string } | { readonly index: number };

export interface LinkChanges {
  readonly up?: boolean;
  readonly mtu?: number;
  /** Index of the bridge it becomes a port of; 0 takes it out. */
  readonly master?: number;
  /** A new name; the link must be referred to by index and be down. */
  readonly name?: string;
  /** Descriptor of the network namespace it moves to. */
  readonly netnsFd?: number;
  readonly mac?: Uint8Array;
  /** The group that `deleteGroup` removes at once; 0 is everybody's. */
  readonly group?: number;
  /** Stops the kernel from giving the link an IPv6 address of its own. Only where the kernel has IPv6. */
  readonly noIpv6Address?: boolean;
}

export interface BridgeLink {
  readonly name: string;
  readonly mtu: number;
  /** Fixed, else it would follow the ports that come and go. */
  readonly mac: Uint8Array;
}

export interface VethPair {
  readonly name: string;
  readonly mtu: number;
  /** Index of the bridge. */
  readonly master?: number;
  readonly peer: { readonly name: string; readonly mac?: Uint8Array; readonly netnsFd: number };
}

const create = n.NLM_F_REQUEST | n.NLM_F_ACK | n.NLM_F_CREATE | n.NLM_F_EXCL;
const change = n.NLM_F_REQUEST | n.NLM_F_ACK;

/** A bridge that forwards at once: no spanning tree, no delay. It is down. */
export function addBridge(link: BridgeLink): Request {
  const data = nested(n.IFLA_INFO_DATA, u32(n.IFLA_BR_FORWARD_DELAY, 0));
  const info = nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, 'bridge'), data);
  const attributes = [text(n.IFLA_IFNAME, link.name), u32(n.IFLA_MTU, link.mtu), attribute(n.IFLA_ADDRESS, link.mac), info];
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create bridge ${link.name}` };
}

/** A pair of which one end is made in the namespace, the other here, already in its bridge (veth(4)). Both are down: neither can be up before the other exists. */
export function addVeth(pair: VethPair): Request {
  const { peer } = pair;
  const peerAttributes = [text(n.IFLA_IFNAME, peer.name), u32(n.IFLA_MTU, pair.mtu), u32(n.IFLA_NET_NS_FD, peer.netnsFd)];
  if (peer.mac !== undefined) peerAttributes.push(attribute(n.IFLA_ADDRESS, peer.mac));
  const data = nested(n.IFLA_INFO_DATA, nested(n.VETH_INFO_PEER, linkBody({}, peerAttributes)));
  const attributes = [text(n.IFLA_IFNAME, pair.name), u32(n.IFLA_MTU, pair.mtu)];
  if (pair.master !== undefined) attributes.push(u32(n.IFLA_MASTER, pair.master));
  attributes.push(nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, 'veth'), data));
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create link ${pair.name}` };
}

export function setLink(link: LinkRef, changes: LinkChanges): Request {
  const attributes: Uint8Array[] = [];
  if ('name' in link) attributes.push(text(n.IFLA_IFNAME, link.name));
  else if (changes.name !== undefined) attributes.push(text(n.IFLA_IFNAME, changes.name));
  if (changes.mtu !== undefined) attributes.push(u32(n.IFLA_MTU, changes.mtu));
  if (changes.master !== undefined) attributes.push(u32(n.IFLA_MASTER, changes.master));
  if (changes.mac !== undefined) attributes.push(attribute(n.IFLA_ADDRESS, changes.mac));
  if (changes.group !== undefined) attributes.push(u32(n.IFLA_GROUP, changes.group));
  if (changes.netnsFd !== undefined) attributes.push(u32(n.IFLA_NET_NS_FD, changes.netnsFd));
  if (changes.noIpv6Address === true) {
    attributes.push(nested(n.IFLA_AF_SPEC, nested(n.AF_INET6, u8(n.IFLA_INET6_ADDR_GEN_MODE, n.IN6_ADDR_GEN_MODE_NONE))));
  }
  const head = { ...('index' in link ? { index: link.index } : {}), ...(changes.up === undefined ? {} : { up: changes.up }) };
  return { type: n.RTM_SETLINK, flags: change, body: linkBody(head, attributes), purpose: `change ${describe(link)}` };
}

export function deleteLink(link: LinkRef): Request {
  const body = 'index' in link ? linkBody(link, []) : linkBody({}, [text(n.IFLA_IFNAME, link.name)]);
  return { type: n.RTM_DELLINK, flags: change, body, purpose: `remove ${describe(link)}` };
}

/** Removes all links of a group together, for the price of one: each removal alone waits for the whole kernel to take notice. */
export function deleteGroup(group: number): Request {
  return {
    type: n.RTM_DELLINK,
    flags: change,
    body: linkBody({}, [u32(n.IFLA_GROUP, group)]),
    purpose: `remove the links of group ${group}`,
  };
}

export function getLink(link: LinkRef): Request {
  const attributes = [u32(n.IFLA_EXT_MASK, n.RTEXT_FILTER_SKIP_STATS), ...('name' in link ? [text(n.IFLA_IFNAME, link.name)] : [])];
  const body = linkBody('index' in link ? link : {}, attributes);
  return { type: n.RTM_GETLINK, flags: n.NLM_F_REQUEST, body, purpose: `look up ${describe(link)}` };
}

export function dumpLinks(): Request {
  const body = linkBody({}, [u32(n.IFLA_EXT_MASK, n.RTEXT_FILTER_SKIP_STATS)]);
  return { type: n.RTM_GETLINK, flags: n.NLM_F_REQUEST | n.NLM_F_DUMP, body, purpose: 'list links' };
}

/** Adds an address to the link with this index; IPv4 gets its subnet's broadcast address. */
export function addAddress(index: number, address: Address, prefixLength: number): Request {
  const attributes = addressAttributes(address);
  if (address.family === 4 && prefixLength < 31) {
    attributes.push(attribute(n.IFA_BROADCAST, addressToBytes(lastAddress(subnetOf(address, prefixLength)))));
  }
  const body = addressBody(index, address, prefixLength, attributes);
  return { type: n.RTM_NEWADDR, flags: create, body, purpose: `add an address to link ${index}` };
}

export function deleteAddress(index: number, address: Address, prefixLength: number): Request {
  const body = addressBody(index, address, prefixLength, addressAttributes(address));
  return { type: n.RTM_DELADDR, flags: change, body, purpose: `remove an address from link ${index}` };
}

export function dumpAddresses(): Request {
  return { type: n.RTM_GETADDR, flags: n.NLM_F_REQUEST | n.NLM_F_DUMP, body: new Uint8Array(8), purpose: 'list addresses' };
}

/** The route for everything else: through the gateway, out of the link with this index. */
export function addDefaultRoute(index: number, gateway: Address): Request {
  const head = Uint8Array.of(familyOf(gateway), 0, 0, 0, n.RT_TABLE_MAIN, n.RTPROT_STATIC, n.RT_SCOPE_UNIVERSE, n.RTN_UNICAST, 0, 0, 0, 0);
  const body = concatenate([head, attribute(n.RTA_GATEWAY, addressToBytes(gateway)), u32(n.RTA_OIF, index)]);
  return { type: n.RTM_NEWROUTE, flags: create, body, purpose: 'add the default route' };
}

/** All routes of all tables, both families. */
export function dumpRoutes(): Request {
  return { type: n.RTM_GETROUTE, flags: n.NLM_F_REQUEST | n.NLM_F_DUMP, body: new Uint8Array(12), purpose: 'list routes' };
}

/** struct ifinfomsg and attributes. */
function linkBody(head: { readonly index?: number; readonly up?: boolean }, attributes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, head.index ?? 0, true);
  if (head.up !== undefined) {
    view.setUint32(8, head.up ? n.IFF_UP : 0, true);
    view.setUint32(12, n.IFF_UP, true);
  }
  return concatenate([bytes, ...attributes]);
}

/** struct ifaddrmsg and attributes. */
function addressBody(index: number, address: Address, prefixLength: number, attributes: readonly Uint8Array[]): Uint8Array {
  const bytes = Uint8Array.of(familyOf(address), prefixLength, 0, n.RT_SCOPE_UNIVERSE, 0, 0, 0, 0);
  new DataView(bytes.buffer).setUint32(4, index, true);
  return concatenate([bytes, ...attributes]);
}

function addressAttributes(address: Address): Uint8Array[] {
  const bytes = addressToBytes(address);
  return [attribute(n.IFA_LOCAL, bytes), attribute(n.IFA_ADDRESS, bytes)];
}

function familyOf(address: Address): number {
  return address.family === 4 ? n.AF_INET : n.AF_INET6;
}

function describe(link: LinkRef): string {
  return 'name' in link ? `link ${link.name}` : `link ${link.index}`;
}
