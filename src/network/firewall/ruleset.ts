/** A bridge that the firewall knows. */
export interface FirewalledBridge {
  /** Name of the bridge device. */
  readonly link: string;
  readonly base: string;
  readonly prefixLength: number;
}

/** libnftables-json(5): a list of commands that is applied whole or not at all. */
export interface Ruleset {
  readonly nftables: readonly unknown[];
}

const family = 'inet';

/**
 * One table of our own, made anew in one transaction, so that nobody ever sees half of it:
 *
 * ```
 * set bridges { type ifname }               our bridge devices
 * set subnets { type ipv4_addr; interval }  their subnets
 * map within  { ifname . ifname : verdict } a bridge and itself: containers of one bridge may talk
 *
 * chain forward      filter, priority 0, policy accept
 *   iifname . oifname vmap @within
 *   oifname @bridges ct state established,related accept
 *   oifname @bridges drop                   from outside or from another bridge: only what a container asked for
 * chain postrouting  srcnat
 *   ip saddr @subnets oifname != @bridges masquerade
 * ```
 *
 * An accept ends only our own chain: what another table drops stays dropped, so the host's firewall keeps the last word (nft(8), "hooks").
 * Pure.
 */
export function planRuleset(table: string, bridges: readonly FirewalledBridge[]): Ruleset {
  return {
    nftables: [...planRemoval(table).nftables, { add: { table: { family, name: table } } }, ...sets(table, bridges), ...chains(table)],
  };
}

/** Removes the table, if it is there. Pure. */
export function planRemoval(table: string): Ruleset {
  return { nftables: [{ add: { table: { family, name: table } } }, { delete: { table: { family, name: table } } }] };
}

function sets(table: string, bridges: readonly FirewalledBridge[]): unknown[] {
  const links = bridges.map((bridge) => bridge.link);
  const subnets = bridges.map((bridge) => ({ prefix: { addr: bridge.base, len: bridge.prefixLength } }));
  const within = links.map((link) => [{ concat: [link, link] }, { accept: null }]);
  return [
    { add: { set: { family, table, name: 'bridges', type: 'ifname', ...elements(links) } } },
    { add: { set: { family, table, name: 'subnets', type: 'ipv4_addr', flags: ['interval'], ...elements(subnets) } } },
    { add: { map: { family, table, name: 'within', type: ['ifname', 'ifname'], map: 'verdict', ...elements(within) } } },
  ];
}

function chains(table: string): unknown[] {
  const iifname = { meta: { key: 'iifname' } };
  const oifname = { meta: { key: 'oifname' } };
  const intoBridge = { match: { op: '==', left: oifname, right: '@bridges' } };
  const outOfBridges = { match: { op: '!=', left: oifname, right: '@bridges' } };
  const fromSubnet = { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: '@subnets' } };
  const answer = { match: { op: 'in', left: { ct: { key: 'state' } }, right: ['established', 'related'] } };
  return [
    { add: { chain: { family, table, name: 'forward', type: 'filter', hook: 'forward', prio: 0, policy: 'accept' } } },
    { add: { chain: { family, table, name: 'postrouting', type: 'nat', hook: 'postrouting', prio: 100, policy: 'accept' } } },
    rule(table, 'forward', { vmap: { key: { concat: [iifname, oifname] }, data: '@within' } }),
    rule(table, 'forward', intoBridge, answer, { accept: null }),
    rule(table, 'forward', intoBridge, { drop: null }),
    rule(table, 'postrouting', fromSubnet, outOfBridges, { masquerade: null }),
  ];
}

function rule(table: string, chain: string, ...expr: readonly unknown[]): unknown {
  return { add: { rule: { family, table, chain, expr } } };
}

/** nft refuses an empty list of elements. */
function elements(elem: readonly unknown[]): { elem?: readonly unknown[] } {
  return elem.length === 0 ? {} : { elem };
}
