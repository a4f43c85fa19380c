import { readFile, writeFile } from 'node:fs/promises';
import { isErrno, OrlopError } from '#errors';
import type { Logger } from '#log';
import { setLocalRoute } from './netlink/requests.ts';
import type { RouteSocket } from './netlink/socket.ts';

const forwardingPath = '/proc/sys/net/ipv4/ip_forward';

/**
 * Makes the kernel forward between links (ip-sysctl, `ip_forward`), which bridges need to reach the outside; says so in the log when it was
 * off. It is never switched off again: something else may have come to rely on it.
 * Fails with `failed-precondition` when it is off and cannot be switched on.
 */
export async function enableForwarding(logger: Logger, path: string = forwardingPath): Promise<void> {
  if ((await readFile(path, 'utf8')).trim() === '1') return;
  try {
    await writeFile(path, '1\n');
  } catch (cause) {
    throw new OrlopError('failed-precondition', 'NETWORK_FORWARDING_OFF', `IPv4 forwarding is off and ${path} cannot be written`, {
      hint: 'set net.ipv4.ip_forward=1 on the host, or use --network none or --network host',
      cause,
    });
  }
  logger.info('switched IPv4 forwarding on: containers on a bridge reach the outside through it', { sysctl: 'net.ipv4.ip_forward' });
}

const settings6 = '/proc/sys/net/ipv6/conf';

/**
 * The same for IPv6 (ip-sysctl, `conf/all/forwarding`). A link of a host that forwards takes no router advertisements unless it is told to (`accept_ra` 2); of
 * `uplinks`, those that took them so far are told to, else the host would lose its own way out.
 * Fails with `failed-precondition` when it is off and cannot be switched on.
 */
export async function enableForwarding6(logger: Logger, uplinks: readonly string[], directory: string = settings6): Promise<void> {
  const path = `${directory}/all/forwarding`;
  try {
    if ((await readFile(path, 'utf8')).trim() === '1') return;
    const listeners: string[] = [];
    for (const link of uplinks) if (await keepListening(`${directory}/${link}/accept_ra`)) listeners.push(link);
    await writeFile(path, '1\n');
    const words = 'switched IPv6 forwarding on: containers of networks with IPv6 reach the outside through it';
    logger.info(words, { sysctl: 'net.ipv6.conf.all.forwarding', stillListening: listeners });
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) {
      throw new OrlopError('failed-precondition', 'NETWORK_IPV6_MISSING', 'the kernel has no IPv6', {
        hint: 'make the network without IPv6',
        cause,
      });
    }
    throw new OrlopError('failed-precondition', 'NETWORK_FORWARDING_OFF', `IPv6 forwarding is off and ${path} cannot be written`, {
      hint: 'set net.ipv6.conf.all.forwarding=1 on the host, or make the network internal or without IPv6',
      cause,
    });
  }
}

/** A link with an MTU below IPv6's least has no settings. */
async function keepListening(setting: string): Promise<boolean> {
  try {
    if ((await readFile(setting, 'utf8')).trim() !== '1') return false;
    await writeFile(setting, '2\n');
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Lets the host's own connections to its loopback addresses leave by a bridge (ip-sysctl, `route_localnet`), so that a port published there leads to a
 * container. What comes in by the bridge for or from such an address is dropped by the firewall's table, which has to stand already.
 */
export async function routeLoopback(link: string, logger: Logger): Promise<void> {
  const path = `/proc/sys/net/ipv4/conf/${link}/route_localnet`;
  try {
    await writeFile(path, '1\n');
  } catch (error) {
    logger.warn('published ports cannot be reached by 127.0.0.1 from this host', { link, path, error });
  }
}

/**
 * The same for ::1. The kernel takes packets for it in only by a link that has a route for it, and answers to the host's own connections come in by the bridge.
 * What was sent to ::1 by others it drops before that (RFC 4291, 2.5.3).
 */
export function routeLoopback6(socket: Pick<RouteSocket, 'change'>, bridge: number): void {
  socket.change(setLocalRoute(bridge, { family: 6, value: 1n }));
}
