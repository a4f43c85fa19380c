import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '#log';
import { relayDatagrams } from './loopback-datagrams.ts';
import { loopback, type LoopbackPort } from './loopback-port.ts';

/**
 * Carries what comes to ::1, and to nothing else, on to containers where the kernel cannot: to those without an IPv6 address, since it does not translate between the
 * families, and to all where br_netfilter shows it the answers, which it takes for forged. Programs that are told `localhost` may know no other address of it. TCP and UDP.
 */
export interface LoopbackRelays extends Disposable {
  /** These and no others from now on. A port that another program serves there stays with it. */
  set(containerId: string, ports: readonly LoopbackPort[]): void;
}

interface Relay {
  close(): void;
}

/** Of one port. Whoever comes beyond is cut off at once: the descriptors are the engine's. */
const mostConnections = 512;

export function openLoopbackRelays(logger: Logger): LoopbackRelays {
  const byContainer = new Map<string, Map<string, Relay>>();
  const set: LoopbackRelays['set'] = (containerId, ports) => {
    const before = byContainer.get(containerId) ?? new Map<string, Relay>();
    const after = new Map<string, Relay>();
    for (const port of ports) {
      const key = `${port.protocol} ${port.hostPort} ${port.target} ${port.targetPort}`;
      const open = port.protocol === 'tcp' ? listen : relayDatagrams;
      after.set(key, before.get(key) ?? open(port, containerId, logger));
      before.delete(key);
    }
    for (const relay of before.values()) relay.close();
    if (after.size === 0) byContainer.delete(containerId);
    else byContainer.set(containerId, after);
  };
  return {
    set,
    [Symbol.dispose]() {
      for (const containerId of byContainer.keys()) set(containerId, []);
    },
  };
}

function listen(port: LoopbackPort, containerId: string, logger: Logger): Server {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    // A borrowed socket may be that of every address, of which the kernel forwards all others; not while the port is being opened.
    if (client.localAddress === loopback) relay(client, port);
    else client.destroy();
  });
  server.maxConnections = mostConnections;
  server.on('error', (error) =>
    logger.debug('a port of ::1 stays with another program', { container: containerId, port: port.hostPort, error }),
  );
  const descriptor = port.borrow?.();
  if (descriptor === undefined) server.listen({ host: loopback, port: port.hostPort, ipv6Only: true });
  else if (descriptor !== null) server.listen({ fd: descriptor });
  return server.unref();
}

function relay(client: Socket, { target, targetPort }: LoopbackPort): void {
  const container = connect({ host: target, port: targetPort, allowHalfOpen: true });
  const cut = (): void => {
    client.destroy();
    container.destroy();
  };
  for (const [one, other] of [
    [client, container],
    [container, client],
  ] as const) {
    one.on('error', cut);
    one.pipe(other);
    one.unref();
  }
}
