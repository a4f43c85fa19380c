import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isErrno, toOrlopError } from '#errors';
import { outgoingLink } from '../host-facts.ts';
import type { RouteSocket } from '../netlink/socket.ts';
import type { Firewall } from './firewall.ts';
import type { Forward } from './forwards.ts';
import { arrayOf, parseForeignRules, recordOf } from './foreign-rules.ts';
import { inspectLegacyRules, inspectRules, type Finding, type Inspected } from './inspection.ts';
import { listRuleset } from './nft.ts';

const run = promisify(execFile);

export interface InspectionTools {
  readonly firewall: Firewall;
  readonly table: string;
  readonly socket: Pick<RouteSocket, 'links' | 'routes'>;
}

/** What on this host is in the way of containers' conversations, or may be. Looks, and changes nothing. */
export async function inspectHost({ firewall, table, socket }: InspectionTools): Promise<Finding[]> {
  const { networks, forwards, leavesLoopback6 } = firewall.state();
  const uplink = outgoingLink({ links: socket.links(), addresses: [], routes: socket.routes() })?.name ?? null;
  const inspected: Inspected = { networks: networks ?? [], forwards, uplink };
  return [
    ...(await inspectTables(inspected, table, networks !== null)),
    ...inspectLegacyRules(await savedLegacyRules(), inspected.networks),
    ...(await inspectSettings(inspected)),
    ...(leavesLoopback6 ? [] : await inspectBridgeFilter(forwards)),
  ];
}

async function inspectTables(inspected: Inspected, table: string, isNeeded: boolean): Promise<Finding[]> {
  try {
    const listing = await listRuleset();
    const own = arrayOf(recordOf(listing)['nftables']).some((entry) => recordOf(recordOf(entry)['table'])['name'] === table);
    const rules = parseForeignRules(listing, table);
    return [inspectOwn(table, own, isNeeded), ...inspectRules(inspected, rules)];
  } catch (error) {
    const { message, hint } = toOrlopError(error);
    return [{ name: 'nftables', state: 'fail', text: message, ...(hint === undefined ? {} : { advice: hint }) }];
  }
}

function inspectOwn(table: string, isThere: boolean, isNeeded: boolean): Finding {
  const name = `table ${table}`;
  if (isThere || !isNeeded) return { name, state: 'ok', text: isThere ? 'stands' : 'is made with the first bridge' };
  return {
    name,
    state: 'fail',
    text: 'somebody removed it: published ports lead nowhere, networks are not kept apart',
    advice: 'restart the engine; containers go on',
  };
}

/** Empty on a host without such tables. */
async function savedLegacyRules(): Promise<string> {
  if ((await readSetting('/proc/net/ip_tables_names')) === '') return '';
  try {
    return (await run('iptables-legacy-save', ['-t', 'filter'], { timeout: 10_000 })).stdout;
  } catch {
    return '';
  }
}

async function inspectSettings({ networks }: Inspected): Promise<Finding[]> {
  const open = networks.filter(({ internal }) => !internal);
  const families = ([4, 6] as const).filter((family) => open.some(({ subnets }) => subnets.some((subnet) => subnet.family === family)));
  const findings: Finding[] = [];
  for (const family of families) {
    const sysctl = family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
    const isOn = (await readSetting(`/proc/sys/${sysctl.replaceAll('.', '/')}`)) === '1';
    const name = `IPv${family} forwarding`;
    findings.push(
      isOn
        ? { name, state: 'ok', text: 'is on' }
        : { name, state: 'fail', text: 'somebody switched it off', advice: `sysctl -w ${sysctl}=1` },
    );
  }
  return findings;
}

/** Somebody loaded br_netfilter after the ports were opened. */
async function inspectBridgeFilter(forwards: readonly Forward[]): Promise<Finding[]> {
  if (!forwards.some(({ target }) => target.family === 6)) return [];
  if ((await readSetting('/proc/sys/net/bridge/bridge-nf-call-ip6tables')) !== '1') return [];
  const text = 'has begun to filter IPv6: published ports cannot be reached by ::1 until the engine carries that itself';
  return [{ name: 'br_netfilter', state: 'warn', text, advice: 'restart the engine; containers go on' }];
}

async function readSetting(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return '';
    throw error;
  }
}
