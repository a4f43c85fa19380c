import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Logger } from '#log';
import type { NetworkCalls } from '../types.ts';
import { openContainerServer, SOCK_DGRAM } from './container-server.ts';
import { createHostResolvers } from './host-resolvers.ts';
import { createNameIndex, type NameIndex } from './name-index.ts';
import { createQuestions } from './questions.ts';
import { createServerOrder, type ServerOrder } from './server-order.ts';
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
  readonly serverOrder: ServerOrder;
  readonly load: { waiting: number };
}

/** The server of one container, in the namespace of this number. */
interface Served extends Disposable {
  readonly namespace: bigint;
  options: ServeOptions;
  open(): Promise<void>;
}

/** Opens the name servers of an engine; nothing listens until a container is served. */
export function openNameServers(options: NameServersOptions): NameServers {
  const { directory, logger, resolvConf } = options;
  const hostResolvers = createHostResolvers({ logger, ...(resolvConf === undefined ? {} : { path: resolvConf }) });
  const context: Context = {
    ...options,
    index: createNameIndex(directory),
    hostResolvers,
    serverOrder: createServerOrder(),
    load: { waiting: 0 },
  };
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
      const server = createServed(context, containerId, netnsFd, how);
      served.set(containerId, server);
      try {
        await server.open();
      } catch (error) {
        if (served.get(containerId) === server) stop(containerId);
        throw error;
      }
    },
    stop,
    [Symbol.dispose]() {
      for (const server of served.values()) server[Symbol.dispose]();
      served.clear();
    },
  };
}

/** Nothing is open yet; what is disposed of while it opens is closed as soon as it is open. */
function createServed(context: Context, containerId: string, netnsFd: number, how: ServeOptions): Served {
  const { addon } = context;
  const resources = new DisposableStack();
  // The caller closes his descriptor; the server keeps the namespace alive.
  const namespace = resources.adopt(openSync(`/proc/self/fd/${netnsFd}`, 'r'), closeSync);
  const bindInside = (address: string): number => addon.bindInNamespace(namespace, SOCK_DGRAM, address, 0);
  const questions = resources.use(createQuestions({ ...context, containerId, serveOptions: () => server.options, bindInside }));
  const server: Served = {
    namespace: namespaceOf(netnsFd),
    options: how,
    async open() {
      const listening = await openContainerServer(addon, namespace, questions.handle);
      if (resources.disposed) listening[Symbol.dispose]();
      else resources.use(listening);
    },
    [Symbol.dispose]: () => resources.dispose(),
  };
  return server;
}

/** What tells a namespace from others that there are (namespaces(7)). */
function namespaceOf(netnsFd: number): bigint {
  return fstatSync(netnsFd, { bigint: true }).ino;
}
