import { readFile } from 'node:fs/promises';
import { isErrno } from '#errors';
import { isLoopback, parseAddress } from './addresses.ts';

export interface ResolvConfOptions {
  /** Whether the container can reach IPv6 nameservers; without it they are dropped. Default false. */
  readonly ipv6?: boolean;
}

/** Public resolvers, used as Docker does when the host names none that a container could reach. */
const fallback = { ipv4: ['8.8.8.8', '8.8.4.4'], ipv6: ['2001:4860:4860::8888', '2001:4860:4860::8844'] };

/**
 * A container's /etc/resolv.conf (resolv.conf(5)) from the host's. Nameservers on the host's loopback, and IPv6 ones when the container has
 * no IPv6, cannot be reached from a namespace and are left out; when none remains, public ones take their place. `search`, `domain`,
 * `options` and `sortlist` stay; comments go. Pure.
 */
export function formatResolvConf(hostResolvConf: string, options: ResolvConfOptions = {}): string {
  const ipv6 = options.ipv6 ?? false;
  const servers: string[] = [];
  const settings: string[] = [];
  for (const line of significantLines(hostResolvConf)) {
    const server = /^nameserver\s+(\S+)/.exec(line)?.[1];
    if (server !== undefined) servers.push(server);
    else if (/^(search|domain|options|sortlist)\s/.test(line)) settings.push(line);
  }
  const reachable = servers.filter((server) => isReachable(server, ipv6));
  const chosen = reachable.length > 0 ? reachable : [...fallback.ipv4, ...(ipv6 ? fallback.ipv6 : [])];
  return [...chosen.map((server) => `nameserver ${server}`), ...settings, ''].join('\n');
}

/** The nameservers of a resolv.conf, in order, as written. Pure. */
export function parseNameservers(text: string): string[] {
  return significantLines(text).flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}

/**
 * The host's resolv.conf as containers should see it: when systemd-resolved's stub (127.0.0.53) is the only nameserver, the file in which
 * systemd-resolved lists the real ones (systemd-resolved.service(8)). Empty when there is no such file.
 */
export async function readHostResolvConf(read: (path: string) => Promise<string> = (path) => readFile(path, 'utf8')): Promise<string> {
  const own = await readOptional(read, '/etc/resolv.conf');
  const servers = parseNameservers(own ?? '');
  if (servers.length !== 1 || servers[0] !== '127.0.0.53') return own ?? '';
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
