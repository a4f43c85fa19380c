import { getSystemErrorName } from 'node:util';
import { addressFromBytes, subnetOf, type Address, type Subnet } from '../addresses.ts';
import * as n from './constants.ts';
import { align, malformed, parseAttributes, readText, readU32, viewOf, type Message } from './wire.ts';

/** A link as the kernel describes it (RTM_NEWLINK). */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  /** Index of the bridge it is a port of; 0: none. */
  readonly master: number;
  /** Index of the link that it shares the wire of, perhaps in another namespace; 0: none. */
  readonly parent: number;
  readonly group: number;
  /** `bridge`, `veth`, …; empty for hardware. */
  readonly kind: string;
  /** Hardware address; empty when it has none. */
  readonly mac: Uint8Array;
  /** What the kernel does with IPv6 on it; null on a kernel without IPv6. */
  readonly ipv6: { readonly disabled: boolean; readonly acceptsAdvertisements: boolean } | null;
}

/** An address of a link (RTM_NEWADDR). */
export interface LinkAddress {
  readonly index: number;
  readonly address: Address;
  readonly prefixLength: number;
}

/** A route (RTM_NEWROUTE). Without a destination subnet of its own it is a default route: `prefixLength` 0. */
export interface Route {
  readonly destination: Subnet;
  readonly table: number;
  /** RTN_*: unicast, local, broadcast, … */
  readonly type: number;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
  readonly gateway: Address | null;
  /** Index of the link it leaves by (of a multipath route the first); 0: none. */
  readonly index: number;
  readonly metric: number;
}

/** What the kernel said about a request; errno 0 is success. */
export interface Answer {
  readonly errno: number;
  /** The kernel's own words, when it has some (NLMSGERR_ATTR_MSG). */
  readonly text: string | undefined;
}

export function parseLink(body: Uint8Array): Link {
  const view = headOf(body, 16, 'link');
  const attributes = parseAttributes(body.subarray(16));
  const info = attributes.get(n.IFLA_LINKINFO);
  return {
    index: view.getInt32(4, true),
    name: readText(attributes.get(n.IFLA_IFNAME)) ?? '',
    up: (view.getUint32(8, true) & n.IFF_UP) !== 0,
    mtu: readU32(attributes.get(n.IFLA_MTU)) ?? 0,
    master: readU32(attributes.get(n.IFLA_MASTER)) ?? 0,
    parent: readU32(attributes.get(n.IFLA_LINK)) ?? 0,
    group: readU32(attributes.get(n.IFLA_GROUP)) ?? 0,
    kind: info === undefined ? '' : (readText(parseAttributes(info).get(n.IFLA_INFO_KIND)) ?? ''),
    mac: attributes.get(n.IFLA_ADDRESS) ?? new Uint8Array(0),
    ipv6: parseIpv6Settings(attributes.get(n.IFLA_AF_SPEC)),
  };
}

function parseIpv6Settings(spec: Uint8Array | undefined): Link['ipv6'] {
  const family = spec === undefined ? undefined : parseAttributes(spec).get(n.AF_INET6);
  const settings = family === undefined ? undefined : parseAttributes(family).get(n.IFLA_INET6_CONF);
  if (settings === undefined) return null;
  const at = (place: number): number => readU32(settings.subarray(4 * place)) ?? 0;
  return { disabled: at(n.DEVCONF_DISABLE_IPV6) !== 0, acceptsAdvertisements: at(n.DEVCONF_ACCEPT_RA) !== 0 };
}

/** null for an address that is neither IPv4 nor IPv6. */
export function parseLinkAddress(body: Uint8Array): LinkAddress | null {
  const view = headOf(body, 8, 'address');
  const attributes = parseAttributes(body.subarray(8));
  // On a point-to-point link IFA_ADDRESS is the other side; IFA_LOCAL is ours. IPv6 has only IFA_ADDRESS.
  const bytes = attributes.get(n.IFA_LOCAL) ?? attributes.get(n.IFA_ADDRESS);
  const address = bytes === undefined ? null : addressFromBytes(bytes);
  return address === null ? null : { index: view.getUint32(4, true), address, prefixLength: view.getUint8(1) };
}

/** null for a route that is neither IPv4 nor IPv6. */
export function parseRoute(body: Uint8Array): Route | null {
  const view = headOf(body, 12, 'route');
  const family = view.getUint8(0) === n.AF_INET ? 4 : view.getUint8(0) === n.AF_INET6 ? 6 : null;
  if (family === null) return null;
  const attributes = parseAttributes(body.subarray(12));
  const base = addressFromBytes(attributes.get(n.RTA_DST) ?? new Uint8Array(family === 4 ? 4 : 16));
  if (base === null) throw malformed('a route has a destination of a strange length');
  const gateway = attributes.get(n.RTA_GATEWAY);
  return {
    destination: subnetOf(base, view.getUint8(1)),
    table: readU32(attributes.get(n.RTA_TABLE)) ?? view.getUint8(4),
    type: view.getUint8(7),
    protocol: view.getUint8(5),
    gateway: gateway === undefined ? null : addressFromBytes(gateway),
    index: readU32(attributes.get(n.RTA_OIF)) ?? firstHop(attributes.get(n.RTA_MULTIPATH)),
    metric: readU32(attributes.get(n.RTA_PRIORITY)) ?? 0,
  };
}

/** Reads NLMSG_ERROR: the error number, the request's header (and body, unless capped), then attributes. */
export function parseAnswer(message: Message): Answer {
  const view = headOf(message.body, 20, 'answer');
  const errno = -view.getInt32(0, true);
  if ((message.flags & n.NLM_F_ACK_TLVS) === 0) return { errno, text: undefined };
  const repeated = (message.flags & n.NLM_F_CAPPED) !== 0 ? 16 : align(view.getUint32(4, true));
  const attributes = parseAttributes(message.body.subarray(4 + repeated));
  return { errno, text: readText(attributes.get(n.NLMSGERR_ATTR_MSG)) };
}

/** `EEXIST`. EXFULL (a bridge without a free port) is one that Node has no name for. */
export function errnoName(errno: number): string {
  return errno === 54 ? 'EXFULL' : getSystemErrorName(-errno);
}

/** struct rtnexthop: length u16, flags u8, hops u8, index i32. */
function firstHop(payload: Uint8Array | undefined): number {
  return payload === undefined || payload.length < 8 ? 0 : viewOf(payload).getInt32(4, true);
}

function headOf(body: Uint8Array, bytes: number, what: string): DataView {
  if (body.length < bytes) throw malformed(`the ${what} is cut off`);
  return viewOf(body);
}
