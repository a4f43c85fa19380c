import { addressToBytes, lastAddress, subnetOf, type Address } from '../addresses.ts';
import * as n from './constants.ts';
import { attribute, concatenate, nested, text, u16, u32, u8 } from './wire.ts';

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
  readonly group?: number;
}

export interface VethPair {
  readonly name: string;
  readonly mtu: number;
  /** Index of the bridge. */
  readonly master?: number;
  /** Of both ends. */
  readonly group?: number;
  /** Without a namespace it is made in this one. */
  readonly peer: { readonly name: string; readonly mac?: Uint8Array; readonly netnsFd?: number };
}

/** How macvlans of one parent see each other (ip-link(8)). */
export type MacvlanMode = 'private' | 'vepa' | 'bridge' | 'passthru';

/** At which layer the parent takes packets over, and whether ipvlans of one parent see each other. */
export interface IpvlanMode {
  readonly layer: 'l2' | 'l3' | 'l3s';
  readonly flag: 'bridge' | 'private' | 'vepa';
}

/** A link that shares a parent's wire. */
export interface ChildLink {
  readonly name: string;
  /** Index of the parent. */
  readonly parent: number;
  /** Absent: the parent's. */
  readonly mtu?: number;
  readonly mac?: Uint8Array;
  /** Absent: this one. */
  readonly netnsFd?: number;
  readonly kind: { readonly macvlan: MacvlanMode } | { readonly ipvlan: IpvlanMode };
}

const create = n.NLM_F_REQUEST | n.NLM_F_ACK | n.NLM_F_CREATE | n.NLM_F_EXCL;
const change = n.NLM_F_REQUEST | n.NLM_F_ACK;

/** A bridge that forwards at once: no spanning tree, no delay. It is down. */
export function addBridge(link: BridgeLink): Request {
  const data = nested(n.IFLA_INFO_DATA, u32(n.IFLA_BR_FORWARD_DELAY, 0));
  const info = nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, 'bridge'), data);
  const attributes = [
    text(n.IFLA_IFNAME, link.name),
    u32(n.IFLA_MTU, link.mtu),
    attribute(n.IFLA_ADDRESS, link.mac),
    ...inGroup(link.group),
    info,
  ];
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create bridge ${link.name}` };
}

/** A pair of which one end is made in the namespace, the other here, already in its bridge (veth(4)). Both are down: neither can be up before the other exists. */
export function addVeth(pair: VethPair): Request {
  const { peer } = pair;
  const peerAttributes = [text(n.IFLA_IFNAME, peer.name), u32(n.IFLA_MTU, pair.mtu), ...inGroup(pair.group)];
  if (peer.netnsFd !== undefined) peerAttributes.push(u32(n.IFLA_NET_NS_FD, peer.netnsFd));
  if (peer.mac !== undefined) peerAttributes.push(attribute(n.IFLA_ADDRESS, peer.mac));
  const data = nested(n.IFLA_INFO_DATA, nested(n.VETH_INFO_PEER, linkBody({}, peerAttributes)));
  const attributes = [text(n.IFLA_IFNAME, pair.name), u32(n.IFLA_MTU, pair.mtu), ...inGroup(pair.group)];
  if (pair.master !== undefined) attributes.push(u32(n.IFLA_MASTER, pair.master));
  attributes.push(nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, 'veth'), data));
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create link ${pair.name}` };
}

const macvlanModes: Readonly<Record<MacvlanMode, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };
const ipvlanLayers: Readonly<Record<IpvlanMode['layer'], number>> = { l2: 0, l3: 1, l3s: 2 };
const ipvlanFlags: Readonly<Record<IpvlanMode['flag'], number>> = { bridge: 0, private: 1, vepa: 2 };

/** A link whose queue is all that there is to it (ifb); it is down. */
export function addTurn(name: string, group: number): Request {
  const attributes = [text(n.IFLA_IFNAME, name), ...inGroup(group), nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, 'ifb'))];
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create link ${name}` };
}

/** A macvlan or ipvlan link, made right inside the namespace; it is down. */
export function addChild(link: ChildLink): Request {
  const kind = 'macvlan' in link.kind ? 'macvlan' : 'ipvlan';
  const attributes = [text(n.IFLA_IFNAME, link.name), u32(n.IFLA_LINK, link.parent)];
  if (link.netnsFd !== undefined) attributes.push(u32(n.IFLA_NET_NS_FD, link.netnsFd));
  if (link.mtu !== undefined) attributes.push(u32(n.IFLA_MTU, link.mtu));
  if (link.mac !== undefined) attributes.push(attribute(n.IFLA_ADDRESS, link.mac));
  attributes.push(nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, kind), nested(n.IFLA_INFO_DATA, ...childData(link.kind))));
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create ${kind} link ${link.name}` };
}

function childData(kind: ChildLink['kind']): Uint8Array[] {
  if ('macvlan' in kind) return [u32(n.IFLA_MACVLAN_MODE, macvlanModes[kind.macvlan])];
  return [u16(n.IFLA_IPVLAN_MODE, ipvlanLayers[kind.ipvlan.layer]), u16(n.IFLA_IPVLAN_FLAGS, ipvlanFlags[kind.ipvlan.flag])];
}

/** A VLAN of another link (IEEE 802.1Q); it is down. */
export function addVlan(link: {
  readonly name: string;
  readonly parent: number;
  readonly vlanId: number;
  readonly group: number;
}): Request {
  const info = nested(n.IFLA_LINKINFO, text(n.IFLA_INFO_KIND, 'vlan'), nested(n.IFLA_INFO_DATA, u16(n.IFLA_VLAN_ID, link.vlanId)));
  const attributes = [text(n.IFLA_IFNAME, link.name), u32(n.IFLA_LINK, link.parent), ...inGroup(link.group), info];
  return { type: n.RTM_NEWLINK, flags: create, body: linkBody({}, attributes), purpose: `create VLAN link ${link.name}` };
}

/** Whether a port of a bridge reaches only ports that are not isolated, and the host (bridge(8), `isolated`). */
export function isolatePort(port: number, isolated: boolean): Request {
  const attributes = [nested(n.IFLA_PROTINFO, u8(n.IFLA_BRPORT_ISOLATED, isolated ? 1 : 0))];
  const body = linkBody({ index: port, family: n.AF_BRIDGE }, attributes);
  return { type: n.RTM_SETLINK, flags: change, body, purpose: `isolate bridge port ${port}` };
}

/** A port of a bridge that gets its own packets back when they are for itself (bridge(8), `hairpin`). */
export function reflectPort(port: number): Request {
  const body = linkBody({ index: port, family: n.AF_BRIDGE }, [nested(n.IFLA_PROTINFO, u8(n.IFLA_BRPORT_MODE, 1))]);
  return { type: n.RTM_SETLINK, flags: change, body, purpose: `reflect packets at bridge port ${port}` };
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

/** Adds an address to the link with this index; IPv4 gets its subnet's broadcast address. One of scope `link` is never chosen for what goes elsewhere. */
export function addAddress(index: number, address: Address, prefixLength: number, scope: 'universe' | 'link' = 'universe'): Request {
  const attributes = addressAttributes(address);
  if (address.family === 4 && prefixLength < 31) {
    attributes.push(attribute(n.IFA_BROADCAST, addressToBytes(lastAddress(subnetOf(address, prefixLength)))));
  }
  const body = addressBody(index, address, prefixLength, attributes, scope === 'link' ? n.RT_SCOPE_LINK : n.RT_SCOPE_UNIVERSE);
  return { type: n.RTM_NEWADDR, flags: create, body, purpose: `add an address to link ${index}` };
}

export function deleteAddress(index: number, address: Address, prefixLength: number): Request {
  const body = addressBody(index, address, prefixLength, addressAttributes(address));
  return { type: n.RTM_DELADDR, flags: change, body, purpose: `remove an address from link ${index}` };
}

export function dumpAddresses(): Request {
  return { type: n.RTM_GETADDR, flags: n.NLM_F_REQUEST | n.NLM_F_DUMP, body: new Uint8Array(8), purpose: 'list addresses' };
}

/** The route for everything else, in the place of one that is there already: through the gateway, or straight out of the link with this index. */
export function setDefaultRoute(index: number, gateway: Address | 4 | 6): Request {
  const isLink = typeof gateway === 'number';
  const body = routeBody(isLink ? gateway : gateway.family, isLink ? n.RT_SCOPE_LINK : n.RT_SCOPE_UNIVERSE, [
    ...(isLink ? [] : [attribute(n.RTA_GATEWAY, addressToBytes(gateway))]),
    u32(n.RTA_OIF, index),
  ]);
  const flags = change | n.NLM_F_CREATE | n.NLM_F_REPLACE;
  return { type: n.RTM_NEWROUTE, flags, body, purpose: 'set the default route' };
}

/** Removes the default route of this family that leaves by the link. */
export function deleteDefaultRoute(index: number, family: 4 | 6): Request {
  const body = routeBody(family, family === 4 ? n.RT_SCOPE_NOWHERE : n.RT_SCOPE_UNIVERSE, [u32(n.RTA_OIF, index)]);
  return { type: n.RTM_DELROUTE, flags: change, body, purpose: 'remove the default route' };
}

/** Takes packets for an address in by the link although another link has it. Behind whatever else there is for the address. */
export function setLocalRoute(index: number, address: Address): Request {
  const head = Uint8Array.of(
    familyNumber(address.family),
    address.family === 4 ? 32 : 128,
    0,
    0,
    n.RT_TABLE_LOCAL,
    n.RTPROT_STATIC,
    n.RT_SCOPE_UNIVERSE,
    n.RTN_LOCAL,
    0,
    0,
    0,
    0,
  );
  const body = concatenate([
    head,
    attribute(n.RTA_DST, addressToBytes(address)),
    u32(n.RTA_OIF, index),
    u32(n.RTA_PRIORITY, lastResort + index),
  ]);
  return { type: n.RTM_NEWROUTE, flags: change | n.NLM_F_CREATE | n.NLM_F_REPLACE, body, purpose: `take packets in by link ${index}` };
}

/** The kernel's own routes have 0, 256 and 1024. One that has the same as another takes its place. */
const lastResort = 4096;

/** All routes of all tables, both families. */
export function dumpRoutes(): Request {
  return { type: n.RTM_GETROUTE, flags: n.NLM_F_REQUEST | n.NLM_F_DUMP, body: new Uint8Array(12), purpose: 'list routes' };
}

interface LinkHead {
  readonly index?: number;
  readonly up?: boolean;
  readonly family?: number;
}

/** struct ifinfomsg and attributes. */
function linkBody(head: LinkHead, attributes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, head.family ?? 0);
  view.setInt32(4, head.index ?? 0, true);
  if (head.up !== undefined) {
    view.setUint32(8, head.up ? n.IFF_UP : 0, true);
    view.setUint32(12, n.IFF_UP, true);
  }
  return concatenate([bytes, ...attributes]);
}

/** struct rtmsg and attributes, of a route for everything in the main table. */
function routeBody(family: 4 | 6, scope: number, attributes: readonly Uint8Array[]): Uint8Array {
  const head = Uint8Array.of(familyNumber(family), 0, 0, 0, n.RT_TABLE_MAIN, n.RTPROT_STATIC, scope, n.RTN_UNICAST, 0, 0, 0, 0);
  return concatenate([head, ...attributes]);
}

/** struct ifaddrmsg and attributes. Nobody else has an address of ours, so an IPv6 one works without asking around first. */
function addressBody(
  index: number,
  address: Address,
  prefixLength: number,
  attributes: readonly Uint8Array[],
  scope: number = n.RT_SCOPE_UNIVERSE,
): Uint8Array {
  const flags = address.family === 6 ? n.IFA_F_NODAD : 0;
  const bytes = Uint8Array.of(familyNumber(address.family), prefixLength, flags, scope, 0, 0, 0, 0);
  new DataView(bytes.buffer).setUint32(4, index, true);
  return concatenate([bytes, ...attributes]);
}

function addressAttributes(address: Address): Uint8Array[] {
  const bytes = addressToBytes(address);
  return [attribute(n.IFA_LOCAL, bytes), attribute(n.IFA_ADDRESS, bytes)];
}

function familyNumber(family: 4 | 6): number {
  return family === 4 ? n.AF_INET : n.AF_INET6;
}

function inGroup(group: number | undefined): Uint8Array[] {
  return group === undefined ? [] : [u32(n.IFLA_GROUP, group)];
}

function describe(link: LinkRef): string {
  return 'name' in link ? `link ${link.name}` : `link ${link.index}`;
}
