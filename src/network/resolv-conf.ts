import { isErrno } from '#errors';
import { isLoopback, parseAddress } from './addresses.ts';

/** Where a container asks: its own network's name server, or servers of the host's network that it reaches itself. */
const ownServer = '127.0.0.11';

/** What a container's file is made for: `named`, a user network or a machine · `bridge`, the default bridge or no network at all · `host`, the host's network. */
export type ResolvConfPlace = 'named' | 'bridge' | 'host';

/** What takes the place of the host's own settings (`--dns`, `--dns-search`, `--dns-option`); a search of `.` alone is none. */
export interface ResolvConfWishes {
  readonly servers?: readonly string[];
  readonly search?: readonly string[];
  readonly options?: readonly string[];
  /** Whether the container can reach IPv6 servers. Default false. */
  readonly ipv6?: boolean;
}

export interface ResolvConfPlan {
  /** resolv.conf(5). */
  readonly text: string;
  /** Whether it names 127.0.0.11, so that somebody has to answer there. */
  readonly needsServer: boolean;
}

/**
 * A container's /etc/resolv.conf from the host's. Where names are served there is one server, 127.0.0.11, and `ndots:0`: single labels are asked for as they are. On
 * the default bridge these are the host's servers, without those on the host's loopback and, when the container has no IPv6, IPv6 ones; when none remains, 127.0.0.11
 * takes their place and asks them from the host's side. Comments go. Pure.
 */
export function planResolvConf(host: string, place: ResolvConfPlace, wishes: ResolvConfWishes = {}): ResolvConfPlan {
  const { servers: asked = [], ipv6 = false } = wishes;
  if (place === 'host' && asked.length + (wishes.search ?? []).length + (wishes.options ?? []).length === 0) {
    return { text: host, needsServer: false };
  }
  const wanted = asked.length > 0 ? asked : parseNameservers(host);
  const reachable = asked.length > 0 || place === 'host' ? wanted : wanted.filter((server) => isReachable(server, ipv6));
  const needsServer = place === 'named' || (place === 'bridge' && reachable.length === 0);
  const search = (wishes.search ?? parseSearch(host)).filter((domain) => domain !== '.');
  const options = wishes.options ?? parseOptions(host);
  const lines = [
    ...(needsServer ? [ownServer] : reachable).map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...significantLines(host).filter((line) => /^sortlist\s/.test(line)),
    formatOptions(needsServer && !options.some((option) => option.startsWith('ndots:')) ? [...options, 'ndots:0'] : options),
  ];
  return { text: `${lines.filter((line) => line !== '').join('\n')}\n`, needsServer };
}

function formatOptions(options: readonly string[]): string {
  return options.length === 0 ? '' : `options ${options.join(' ')}`;
}

/** The nameservers of a resolv.conf, in order, as written. Pure. */
export function parseNameservers(text: string): string[] {
  return significantLines(text).flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

/** The words of all its `options`. Pure. */
export function parseOptions(text: string): string[] {
  return significantLines(text).flatMap((line) => /^options\s+(.*)$/.exec(line)?.[1]?.split(/\s+/) ?? []);
}

/** The domains of the last `search` or `domain`, which is the one that counts. */
function parseSearch(text: string): string[] {
  const last = significantLines(text).findLast((line) => /^(search|domain)\s/.test(line));
  return last?.split(/\s+/).slice(1) ?? [];
}

/**
 * The host's resolv.conf as containers should see it: when systemd-resolved's stub (127.0.0.53) is the only nameserver, the file in which
 * systemd-resolved lists the real ones (systemd-resolved.service(8)), unless `isHost`: the host itself sees its own. Empty when there is no such file.
 */
export async function readHostResolvConf(isHost: boolean, read: (path: string) => Promise<string>): Promise<string> {
  const own = await readOptional(read, '/etc/resolv.conf');
  const servers = parseNameservers(own ?? '');
  if (isHost || servers.length !== 1 || servers[0] !== '127.0.0.53') return own ?? '';
  return (await readOptional(read, '/run/systemd/resolve/resolv.conf')) ?? own ?? '';
}

function significantLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith(';'));
}

/** A zone (`fe80::1%eth0`) names a link of the host, which a container does not have. */
function isReachable(server: string, ipv6: boolean): boolean {
  if (server.includes('%')) return false;
  const address = parseAddress(server);
  return address !== null && !isLoopback(address) && (address.family === 4 || ipv6);
}

async function readOptional(read: (path: string) => Promise<string>, path: string): Promise<string | undefined> {
  try {
    return await read(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
