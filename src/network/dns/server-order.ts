import type { Server } from './upstream.ts';

/** How long a server that kept silent is asked after the others. */
const lastForMs = 30_000;

/** Remembers which servers kept silent, so that not every question waits for them. */
export interface ServerOrder {
  /** The same servers: silent ones last, otherwise as they are listed. */
  order(servers: readonly Server[]): readonly Server[];
  /** They were asked, and another one answered first. */
  noteSilent(servers: Iterable<Server>): void;
}

/** `now`: milliseconds of a clock that only goes forward. */
export function createServerOrder(now: () => number = () => performance.now()): ServerOrder {
  const silent = new Map<string, number>();
  return {
    order(servers) {
      if (silent.size === 0) return servers;
      const time = now();
      for (const [address, until] of silent) if (until <= time) silent.delete(address);
      const isSilent = (server: Server): boolean => silent.has(server.address);
      return [...servers.filter((server) => !isSilent(server)), ...servers.filter(isSilent)];
    },
    noteSilent(servers) {
      // The same loopback address is another server in each container.
      for (const { address, bind } of servers) if (bind === undefined) silent.set(address, now() + lastForMs);
    },
  };
}
