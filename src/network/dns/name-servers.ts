import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Logger } from '#log';
import type { NetworkCalls } from '../types.ts';
import { openContainerServer, SOCK_DGRAM } from './container-server.ts';
import { createHostResolvers } from './host-resolvers.ts';
import { createNameIndex, type NameIndex } from './name-index.ts';
import { createQuestions } from './questions.ts';
import type { Directory, NameServers, ServeOptions } from './types.ts';
import type { Resolvers } from './upstream.ts';

export interface NameServersOptions {
  readonly addon: NetworkCalls;
  readonly directory: Directory;
  readonly logger: Logger;
  /** Default /etc/resolv.conf. */
  readonly resolvConf?: string;
}

interface Context extends NameServersOptions {
  readonly index: NameIndex;
  readonly hostResolvers: () => Resolvers;
}

/** The server of one container, in the namespace of this number. */
interface Served extends Disposable {
  readonly namespace: bigint;
  options: ServeOptions;
}

/** Opens the name servers of an engine; nothing listens until a container is served. */
export function openNameServers(options: NameServersOptions): NameServers {
  const { directory, logger, resolvConf } = options;
  const hostResolvers = createHostResolvers({ logger, ...(resolvConf === undefined ? {} : { path: resolvConf }) });
  const context: Context = { ...options, index: createNameIndex(directory), hostResolvers };
  const served = new Map<string, Served>();
  const stop = (containerId: string): void => {
    served.get(containerId)?.[Symbol.dispose]();
    served.delete(containerId);
  };
  return {
    async serve(containerId, netnsFd, how = {}) {
      const current = served.get(containerId);
      if (current?.namespace === namespaceOf(netnsFd)) {
        current.options = how;
        return;
      }
      stop(containerId);
      served.set(containerId, openServed(context, containerId, netnsFd, how));
    },
    stop,
    [Symbol.dispose]() {
      for (const server of served.values()) server[Symbol.dispose]();
      served.clear();
    },
  };
}

function openServed(context: Context, containerId: string, netnsFd: number, how: ServeOptions): Served {
  const { addon } = context;
  using stack = new DisposableStack();
  // The caller closes his descriptor; its sockets keep the namespace alive all the same.
  const namespace = stack.adopt(openSync(`/proc/self/fd/${netnsFd}`, 'r'), closeSync);
  const bindInside = (address: string): number => addon.bindInNamespace(namespace, SOCK_DGRAM, address, 0);
  const questions = stack.use(createQuestions({ ...context, containerId, serveOptions: () => server.options, bindInside }));
  stack.use(openContainerServer(addon, netnsFd, questions.handle));
  const resources = stack.move();
  const server: Served = { namespace: namespaceOf(netnsFd), options: how, [Symbol.dispose]: () => resources.dispose() };
  return server;
}

/** What tells a namespace from others that there are (namespaces(7)). */
function namespaceOf(netnsFd: number): bigint {
  return fstatSync(netnsFd, { bigint: true }).ino;
}
