import type { Forward } from './forwards.ts';
import { contains, formatAddress, isLoopback, type Address } from '../addresses.ts';
import type { ForeignChain, ForeignRules } from './foreign-rules.ts';
import type { Packet } from './match.ts';
import type { FirewalledNetwork } from './ruleset.ts';
import { judge, type Judgement } from './verdict.ts';

/** One thing that was looked at on this host. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly text: string;
  /** What to do. */
  readonly advice?: string;
}

export interface Inspected {
  readonly networks: readonly FirewalledNetwork[];
  readonly forwards: readonly Forward[];
  /** The link by which the host reaches the world; null: none. */
  readonly uplink: string | null;
}

/** What the rules of other tables do with the containers' conversations. A warning is a guess and says so. Pure. */
export function inspectRules({ networks, forwards, uplink }: Inspected, rules: ForeignRules): Finding[] {
  const open = networks.filter((network) => !network.internal);
  return [
    ...open.flatMap((network) => network.subnets.map((subnet) => inspectWayOut(network.links[0] ?? '', subnet.family, uplink, rules))),
    ...forwards
      .filter(({ hostAddress }) => hostAddress === null || !isLoopback(hostAddress))
      .map((forward) => inspectForward(forward, linkOf(networks, forward.target), uplink, rules)),
  ];
}

function inspectWayOut(link: string, family: 4 | 6, uplink: string | null, rules: ForeignRules): Finding {
  const packet: Packet = {
    family,
    from: link,
    to: uplink,
    source: null,
    destination: null,
    protocol: 'tcp',
    port: null,
    isPublished: false,
  };
  return describe(`IPv${family} from ${link} to the outside`, judge(packet, rules), link, rules);
}

function inspectForward(forward: Forward, link: string, uplink: string | null, rules: ForeignRules): Finding {
  const { protocol, hostAddress, hostPort, target, targetPort } = forward;
  const { family } = target;
  const packet: Packet = {
    family,
    from: uplink,
    to: link,
    source: null,
    destination: target,
    protocol,
    port: targetPort,
    isPublished: hostPort !== 0,
  };
  if (hostPort === 0) return describe(`opened port ${bracket(target)}:${targetPort}/${protocol}`, judge(packet, rules), link, rules);
  const host = hostAddress ?? { family, value: 0n };
  return describe(`published port ${bracket(host)}:${hostPort}/${protocol}`, judge(packet, rules), link, rules);
}

function describe(name: string, judgements: readonly Judgement[], link: string, rules: ForeignRules): Finding {
  const against = judgements.filter(({ verdict }) => verdict === 'drop');
  const worst = against.find(({ isSure }) => isSure) ?? against[0];
  if (worst === undefined)
    return { name, state: 'ok', text: judgements.length === 0 ? 'no other firewall is in the way' : 'other tables let it through' };
  const { chain, isSure } = worst;
  const where = `chain ${chain.name} of table ${chain.family} ${chain.table}`;
  return {
    name,
    state: isSure ? 'fail' : 'warn',
    text: isSure ? `${where} drops it` : `${where} may drop it: it has rules that cannot be judged from here`,
    advice: adviceFor(chain, link, rules),
  };
}

/** The command that opens a chain for a bridge, in the words of whoever keeps the table. */
function adviceFor({ family, table, name }: Pick<ForeignChain, 'family' | 'table' | 'name'>, link: string, rules: ForeignRules): string {
  const has = (other: string): boolean => rules.chains.has(`${family} ${table} ${other}`);
  if (table === 'firewalld') return `firewall-cmd --permanent --zone=trusted --add-interface=${link} && firewall-cmd --reload`;
  if (table === 'filter' && name === 'FORWARD') {
    if (has('ufw-before-forward') || has('ufw6-before-forward')) return `ufw route allow in on ${link} && ufw route allow out on ${link}`;
    const tables = family === 'ip6' ? 'ip6tables' : 'iptables';
    // Docker puts its own rules before those of others, but for this chain.
    const chain = has('DOCKER-USER') ? 'DOCKER-USER' : name;
    return `${tables} -I ${chain} -i ${link} -j ACCEPT && ${tables} -I ${chain} -o ${link} -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT`;
  }
  const insert = `nft insert rule ${family} ${table} ${name}`;
  return `${insert} iifname "${link}" accept && ${insert} oifname "${link}" ct state established,related accept && ${insert} oifname "${link}" ct status dnat accept`;
}

/** `iptables-legacy-save -t filter`: its rules are of another kind of table. A guess: only policy and names are looked at. Pure. */
export function inspectLegacyRules(saved: string, networks: readonly FirewalledNetwork[]): Finding[] {
  if (!/^:FORWARD (DROP|REJECT)/m.test(saved)) return [];
  return networks
    .flatMap((network) => (network.internal ? [] : network.links.slice(0, 1)))
    .filter((link) => !saved.split('\n').some((line) => line.includes(` ${link} `) && line.endsWith('-j ACCEPT')))
    .map((link) => ({
      name: `legacy iptables and ${link}`,
      state: 'warn',
      text: 'chain FORWARD of the legacy table filter drops what no rule accepts, and none names the bridge',
      advice: adviceFor({ family: 'ip', table: 'filter', name: 'FORWARD' }, link, { chains: new Map(), sets: new Map() }).replaceAll(
        'iptables ',
        'iptables-legacy ',
      ),
    }));
}

function linkOf(networks: readonly FirewalledNetwork[], target: Address): string {
  const own = networks.find(({ subnets }) => subnets.some((subnet) => contains(subnet, target)));
  return own?.links[0] ?? '';
}

function bracket(address: Address): string {
  return address.family === 6 ? `[${formatAddress(address)}]` : formatAddress(address);
}
