import type { Logger } from '#log';
import type { NetworkCalls } from '../types.ts';
import type { Directory, NameServers } from './types.ts';

export interface NameServersOptions {
  readonly addon: NetworkCalls;
  readonly directory: Directory;
  readonly logger: Logger;
}

/** Opens the name servers of an engine; nothing listens until a container is served. */
export function openNameServers(_options: NameServersOptions): NameServers {
  return {
    async serve() {},
    stop() {},
    [Symbol.dispose]() {},
  };
}
