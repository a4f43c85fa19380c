import type { Logger } from '#log';
import type { NetworkCalls } from '../types.ts';
import { openContainerServer } from './container-server.ts';
import { createHostResolvers, usualPatience } from './host-resolvers.ts';
import type { Handler } from './listener.ts';
import { answerLocally } from './local-answers.ts';
import { formatAnswer, formatRejection, isRejected, parseQuery, passOn, responseCode, sizeLimit, type Query } from './message.ts';
import { createNameIndex, type NameIndex } from './name-index.ts';
import type { Directory, NameServers, ServeOptions } from './types.ts';
import { askServers, type Resolvers } from './upstream.ts';

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

/** Questions that wait for somebody else's answer, of one container; more are refused, as each takes a socket. */
const longestQueue = 256;
const longestMessage = 0xffff;

/** Opens the name servers of an engine; nothing listens until a container is served. */
export function openNameServers(options: NameServersOptions): NameServers {
  const { addon, directory, logger, resolvConf } = options;
  const hostResolvers = createHostResolvers({ logger, ...(resolvConf === undefined ? {} : { path: resolvConf }) });
  const context: Context = { ...options, index: createNameIndex(directory), hostResolvers };
  const served = new Map<string, Disposable>();
  const stop = (containerId: string): void => {
    served.get(containerId)?.[Symbol.dispose]();
    served.delete(containerId);
  };
  return {
    async serve(containerId, netnsFd, how = {}) {
      stop(containerId);
      using stack = new DisposableStack();
      const handler = stack.use(createHandler(context, containerId, how));
      stack.use(openContainerServer(addon, netnsFd, handler.handle));
      served.set(containerId, stack.move());
    },
    stop,
    [Symbol.dispose]() {
      for (const server of served.values()) server[Symbol.dispose]();
      served.clear();
    },
  };
}

/** Answers a container's questions: of its neighbours at once, of anybody else with what the servers say. */
function createHandler(context: Context, containerId: string, options: ServeOptions): { handle: Handler } & Disposable {
  const waiting = new Set<AbortController>();
  const forward = async (query: Query, isStream: boolean): Promise<Buffer> => {
    const limit = isStream ? longestMessage : sizeLimit(query, longestMessage);
    const failed = (code: number): Buffer => formatAnswer(query, code, [], limit);
    const resolvers = options.servers === undefined ? context.hostResolvers() : { servers: options.servers, ...usualPatience };
    if (resolvers.servers.length === 0 || options.isInternal?.() === true) return failed(responseCode.FAILED);
    if (waiting.size >= longestQueue) return failed(responseCode.REFUSED);
    const abort = new AbortController();
    waiting.add(abort);
    try {
      const answer = await askServers(query, { ...resolvers, isStream, signal: abort.signal });
      return answer === null ? failed(responseCode.FAILED) : passOn(query, answer, limit);
    } finally {
      waiting.delete(abort);
      abort.abort();
    }
  };
  const answer = async (message: Uint8Array, isStream: boolean): Promise<Buffer | null> => {
    const query = parseQuery(message);
    if (query === null) return null;
    if (isRejected(query)) return formatRejection(query);
    const own = answerLocally(context.index, containerId, query, isStream ? longestMessage : sizeLimit(query));
    return own ?? forward(query, isStream);
  };
  const handle: Handler = (message, isStream, reply) => {
    answer(message, isStream).then(reply, (error: unknown) => {
      // A question must never end the engine, whatever is wrong with it or with us.
      context.logger.error('a question of a container could not be answered', { container: containerId, error });
      reply(null);
    });
  };
  return {
    handle,
    [Symbol.dispose]() {
      for (const abort of waiting) abort.abort();
    },
  };
}
