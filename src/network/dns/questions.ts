import type { Logger } from '#log';
import { isLoopback, parseAddress } from '../addresses.ts';
import { usualPatience } from './host-resolvers.ts';
import type { Handler } from './listener.ts';
import { answerLocally } from './local-answers.ts';
import { formatAnswer, formatRejection, isRejected, parseQuery, passOn, responseCode, sizeLimit, type Query } from './message.ts';
import type { NameIndex } from './name-index.ts';
import type { ServeOptions } from './types.ts';
import type { ServerOrder } from './server-order.ts';
import { askServers, type Resolvers } from './upstream.ts';

export interface QuestionsOptions {
  readonly containerId: string;
  readonly index: NameIndex;
  readonly logger: Logger;
  readonly hostResolvers: () => Resolvers;
  readonly serverOrder: ServerOrder;
  /** Questions of all containers that wait for somebody else's answer. */
  readonly load: { waiting: number };
  /** As they are at the moment. */
  readonly serveOptions: () => ServeOptions;
  /** A datagram socket inside the container's namespace, bound to an address of it: its descriptor. */
  readonly bindInside: (address: string) => number;
}

/** Questions that wait for somebody else's answer, of one container and of all; more are refused, as each takes sockets. */
const longestQueue = 256;
const longestQueueOfAll = 2048;
const longestMessage = 0xffff;

/** Answers a container's questions: of its neighbours at once, of anybody else with what the servers say. Disposing gives up those that wait. */
export function createQuestions(options: QuestionsOptions): { readonly handle: Handler } & Disposable {
  const { containerId, index, logger } = options;
  const waiting = new Set<AbortController>();
  const answer = async (message: Uint8Array, isStream: boolean): Promise<Buffer | null> => {
    const query = parseQuery(message);
    if (query === null) return null;
    if (isRejected(query)) return formatRejection(query);
    const { linked = [] } = options.serveOptions();
    const own = answerLocally(index, { containerId, linked }, query, isStream ? longestMessage : sizeLimit(query));
    return own ?? forward(options, waiting, query, isStream);
  };
  return {
    handle(message, isStream, reply) {
      answer(message, isStream).then(reply, (error: unknown) => {
        // A question must never end the engine, whatever is wrong with it or with us.
        logger.error('a question of a container could not be answered', { container: containerId, error });
        reply(null);
      });
    },
    [Symbol.dispose]() {
      for (const abort of waiting) abort.abort();
    },
  };
}

async function forward(options: QuestionsOptions, waiting: Set<AbortController>, query: Query, isStream: boolean): Promise<Buffer> {
  const limit = isStream ? longestMessage : sizeLimit(query, longestMessage);
  const failed = (code: number): Buffer => formatAnswer(query, code, [], limit);
  const resolvers = resolversOf(options);
  if (resolvers.servers.length === 0 || options.serveOptions().isInternal?.() === true) return failed(responseCode.FAILED);
  const { load, serverOrder } = options;
  if (waiting.size >= longestQueue || load.waiting >= longestQueueOfAll) return failed(responseCode.REFUSED);
  const abort = new AbortController();
  waiting.add(abort);
  load.waiting += 1;
  try {
    const servers = serverOrder.order(resolvers.servers);
    const answer = await askServers(query, { ...resolvers, servers, isStream, signal: abort.signal, onSilent: serverOrder.noteSilent });
    return answer === null ? failed(responseCode.FAILED) : passOn(query, answer, limit);
  } finally {
    load.waiting -= 1;
    waiting.delete(abort);
    abort.abort();
  }
}

/** The container's own servers: those on the loopback are on its own, and this very server is none of them. */
function resolversOf({ hostResolvers, serveOptions, bindInside }: QuestionsOptions): Resolvers {
  const { servers } = serveOptions();
  if (servers === undefined) return hostResolvers();
  const own = servers
    .filter((address) => address !== '127.0.0.11')
    .map((address) => {
      const parsed = parseAddress(address);
      const isInside = parsed !== null && isLoopback(parsed);
      return { address, ...(isInside ? { bind: () => bindInside(parsed.family === 4 ? '127.0.0.1' : '::1') } : {}) };
    });
  return { servers: own, ...usualPatience };
}
