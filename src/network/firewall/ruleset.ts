import { addressToBytes, type Subnet } from '../addresses.ts';
import type { GatewayMode } from '../driver-options.ts';
import { planForwardEntries, portMaps, type Forward } from './forwards.ts';
import { networkSets, planNetworkEntries } from './network-sets.ts';
import { formatSets, type Declaration, type SetEntry } from './sets.ts';

/** A bridge network as the firewall sees it. */
export interface FirewalledNetwork {
  /** Its bridge devices: the one that has the gateway's address, then further ones of the same network. */
  readonly links: readonly string[];
  /** Of both families. */
  readonly subnets: readonly Subnet[];
  /** Nothing goes in or out but between its own containers. */
  readonly internal: boolean;
  /** Whether its containers reach each other other than by published ports. */
  readonly interContainer: boolean;
  /** By family: whether what leaves takes the host's address. */
  readonly masquerade: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** By family: who reaches its containers at their own addresses from elsewhere. */
  readonly gatewayMode: { readonly ipv4: GatewayMode; readonly ipv6: GatewayMode };
  /** Links of the host from which what is opened is reached. */
  readonly trustedLinks: readonly string[];
}

/** The table of one engine. */
export interface TablePlace {
  readonly table: string;
  /** Of all links that the engine makes, its bridges among them (ip-link(8), `group`). */
  readonly linkGroup: number;
}

/** What the table is to hold from the beginning. */
export interface RulesetContents {
  readonly networks: readonly FirewalledNetwork[];
  /** Entries of the port maps. */
  readonly forwards?: readonly Forward[];
  /** Whether what the host sends to ::1 is left to who listens there. */
  readonly leavesLoopback6?: boolean;
}

const loopbackSets: Readonly<Record<string, Declaration>> = { left6: { kind: 'set', type: 'ipv6_addr' } };

/** Leaves ::1 to who listens there. */
export const leftLoopback6: SetEntry = { set: 'left6', words: '::1', elements: [{ key: addressToBytes({ family: 6, value: 1n }) }] };

/**
 * One table of our own, in the language of nft(8), made anew in one transaction, so that nobody ever sees half of it. An accept ends only our own chain: what another table drops stays dropped, so the host's firewall keeps the
 * last word (nft(8), "hooks"). docs/decisions/0009 says how published ports work. Pure.
 */
export function planRuleset(
  { table, linkGroup }: TablePlace,
  { networks, forwards = [], leavesLoopback6 = false }: RulesetContents,
): string {
  const entries = [...planNetworkEntries(networks), ...planForwardEntries(forwards), ...(leavesLoopback6 ? [leftLoopback6] : [])];
  const sets = formatSets({ ...networkSets, ...loopbackSets, ...portMaps }, entries);
  return `${planRemoval(table)}table inet ${table} {\n${sets}${chainsFor(linkGroup)}}\n`;
}

/** Removes the table, if it is there. Pure. */
export function planRemoval(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}

/**
 * Rules that every packet passes compare before they look anything up: three lookups were a twentieth of a bridge's throughput. The group of a link is a number.
 *
 * within    a bridge and itself, or another of the same network: containers of one network may talk
 * further   bridges of a network beyond its first
 * hidden    subnets whose packets leave with the host's address
 * same      from a subnet to itself: a container that reached a neighbour, or itself, through a published port must not see the answer come directly
 * bare      subnets whose containers are reached from everywhere, whatever is published
 * routed    subnets whose published ports are reached at the containers' own addresses, as echo requests are
 * trusted   from a link of the host to a bridge: published ports are reached at the containers' own addresses
 * opened    these ports
 * left      ::1, where the engine carries what comes there
 * ports     published on one address         everywhere  published on every address of the host
 */
const chainsFor = (linkGroup: number): string => `
  chain ours {
    # Bridges let loopback addresses through (route_localnet), but only for the host's own connections.
    ip daddr 127.0.0.0/8 drop
    ip saddr 127.0.0.0/8 drop
    # What only passes a further bridge is looked at on the first: translated once, and not half.
    iifname @further fib daddr type != local notrack
  }
  chain raw {
    type filter hook prerouting priority raw; policy accept;
    iifgroup ${linkGroup} goto ours
  }
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @ports4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6
    fib daddr type != local return
    dnat ip to meta l4proto . th dport map @everywhere4
    dnat ip6 to meta l4proto . th dport map @everywhere6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    # Before the kernel looks at it: what comes from outside for a loopback address is nobody's.
    iifname != "lo" ip daddr 127.0.0.0/8 return
    meta l4proto { tcp, udp, sctp } jump published
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip6 daddr @left6 return
    meta l4proto { tcp, udp, sctp } jump published
  }
  chain asked {
    ct state established,related accept
    ct status dnat accept
    drop
  }
  chain entering {
    ct state established,related accept
    ct status dnat accept
    ip daddr @bare4 accept
    ip6 daddr @bare6 accept
    ip daddr @routed4 goto routed
    ip6 daddr @routed6 goto routed
    iifname . oifname @trusted goto opened
    drop
  }
  chain routed {
    # ICMP and ICMPv6: a host without /etc/protocols does not know the name of the latter.
    meta l4proto { 1, 58 } accept
    goto opened
  }
  chain opened {
    ip daddr . meta l4proto . th dport @opened4 accept
    ip6 daddr . meta l4proto . th dport @opened6 accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    # Its first packet was let through by what follows.
    ct state established accept
    iifname . oifname vmap @within
    iifname @internal drop
    oifname @internal drop
    oifname @bridges goto entering
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @hidden4 oifname != @bridges masquerade
    ip6 saddr @hidden6 oifname != @bridges masquerade
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ip6 saddr ::1 masquerade
    ct status dnat ip saddr . ip daddr @same4 masquerade
    ct status dnat ip6 saddr . ip6 daddr @same6 masquerade
  }
`;
