import { readFile, writeFile } from 'node:fs/promises';
import { OrlopError } from '#errors';
import type { Logger } from '#log';

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

/**
 * Takes IPv6 off a bridge that has no IPv6 subnet, so that no container can send the host router advertisements. Does nothing on a kernel
 * without IPv6 or when the setting cannot be written: the bridge works all the same.
 */
export async function disableIpv6(link: string, logger: Logger): Promise<void> {
  const path = `/proc/sys/net/ipv6/conf/${link}/disable_ipv6`;
  try {
    await writeFile(path, '1\n');
  } catch (error) {
    logger.debug('could not take IPv6 off a bridge', { link, path, error });
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
