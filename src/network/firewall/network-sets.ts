import { OrlopError } from '#errors';
import { addressToBytes, formatSubnet, lastAddress, type Address, type Subnet } from '../addresses.ts';
import type { GatewayMode } from '../driver-options.ts';
import type { Element } from '../netlink/netfilter.ts';
import { concatenate } from '../netlink/wire.ts';
import type { FirewalledNetwork } from './ruleset.ts';
import type { Declaration, SetEntry } from './sets.ts';

/** The sets that say which networks there are. */
export const networkSets: Readonly<Record<string, Declaration>> = {
  bridges: { kind: 'set', type: 'ifname' },
  further: { kind: 'set', type: 'ifname' },
  internal: { kind: 'set', type: 'ifname' },
  within: { kind: 'map', type: 'ifname . ifname : verdict' },
  hidden4: { kind: 'set', type: 'ipv4_addr', flags: 'interval' },
  hidden6: { kind: 'set', type: 'ipv6_addr', flags: 'interval' },
  bare4: { kind: 'set', type: 'ipv4_addr', flags: 'interval' },
  bare6: { kind: 'set', type: 'ipv6_addr', flags: 'interval' },
  routed4: { kind: 'set', type: 'ipv4_addr', flags: 'interval' },
  routed6: { kind: 'set', type: 'ipv6_addr', flags: 'interval' },
  trusted: { kind: 'set', type: 'ifname . ifname' },
  same4: { kind: 'set', type: 'ipv4_addr . ipv4_addr', flags: 'interval' },
  same6: { kind: 'set', type: 'ipv6_addr . ipv6_addr', flags: 'interval' },
};

/** What the sets hold for these networks. Pure. */
export function planNetworkEntries(networks: readonly FirewalledNetwork[]): SetEntry[] {
  return networks.flatMap((network) => {
    const { links, subnets, internal, masquerade, gatewayMode, trustedLinks } = network;
    const hides = ({ family }: Subnet): boolean => !internal && (family === 4 ? masquerade.ipv4 : masquerade.ipv6);
    const isOf =
      (mode: GatewayMode) =>
      ({ family }: Subnet) =>
        (family === 4 ? gatewayMode.ipv4 : gatewayMode.ipv6) === mode;
    return [
      ...links.map((link) => entry('bridges', quote(link), [{ key: name(link) }])),
      ...links.slice(1).map((link) => entry('further', quote(link), [{ key: name(link) }])),
      ...(internal ? links : []).map((link) => entry('internal', quote(link), [{ key: name(link) }])),
      ...pairs(links).map(([from, to]) => withinEntry(network, from, to)),
      ...subnets.filter(hides).map((subnet) => rangeEntry('hidden', subnet)),
      ...subnets.filter(isOf('nat-unprotected')).map((subnet) => rangeEntry('bare', subnet)),
      ...subnets.filter(isOf('routed')).map((subnet) => rangeEntry('routed', subnet)),
      ...trustedLinks.flatMap((from) =>
        links.map((to) => entry('trusted', `${quote(from)} . ${quote(to)}`, [{ key: linkPair(from, to) }])),
      ),
      ...subnets.map(sameEntry),
    ];
  });
}

/** Within a further bridge the ports themselves keep apart whom they have to; nothing is known there of what was asked for. */
function withinEntry({ interContainer, links }: FirewalledNetwork, from: string, to: string): SetEntry {
  const isFree = interContainer || (from === to && from !== links[0]);
  const verdict = isFree ? ({ verdict: 'accept' } as const) : ({ verdict: 'goto', chain: 'asked' } as const);
  const words = `${quote(from)} . ${quote(to)} : ${isFree ? 'accept' : 'goto asked'}`;
  return entry('within', words, [{ key: linkPair(from, to), value: verdict }]);
}

function sameEntry(subnet: Subnet): SetEntry {
  const text = formatSubnet(subnet);
  const twice = (address: Address): Uint8Array => concatenate([addressToBytes(address), addressToBytes(address)]);
  const element = { key: twice(firstAddress(subnet)), keyEnd: twice(lastAddress(subnet)) };
  return entry(`same${subnet.family}`, `${text} . ${text}`, [element]);
}

function rangeEntry(set: string, subnet: Subnet): SetEntry {
  return entry(`${set}${subnet.family}`, formatSubnet(subnet), rangeElements(subnet));
}

/** A set of intervals of one field is a list of marks: here one begins, here it has ended, unless it goes on to the last address there is. */
function rangeElements(subnet: Subnet): Element[] {
  const first = firstAddress(subnet);
  const after = lastAddress(subnet).value + 1n;
  const isLast = after === 1n << (subnet.family === 4 ? 32n : 128n);
  const start = { key: addressToBytes(first) };
  return isLast ? [start] : [start, { key: addressToBytes({ family: subnet.family, value: after }), isEnd: true }];
}

function firstAddress({ family, base }: Subnet): Address {
  return { family, value: base };
}

function entry(set: string, words: string, elements: readonly Element[]): SetEntry {
  return { set, words, elements };
}

function pairs(links: readonly string[]): [from: string, to: string][] {
  return links.flatMap((from) => links.map((to): [string, string] => [from, to]));
}

function linkPair(from: string, to: string): Uint8Array {
  return concatenate([name(from), name(to)]);
}

/** A link's name as a key: 16 bytes (IFNAMSIZ), zeros behind it. */
function name(link: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(Buffer.from(link).subarray(0, 15));
  return bytes;
}

/** nft's strings know no escapes but `\*`, which would otherwise mean every name that begins so. */
function quote(link: string): string {
  if (/^[^"\\*\s]{1,15}$/.test(link)) return `"${link}"`;
  throw new OrlopError('invalid-argument', 'NETWORK_LINK_NAME_BAD', `a bridge cannot be called '${link}'`, {
    hint: 'use letters, digits, dots, dashes and underscores, 15 at most',
  });
}
