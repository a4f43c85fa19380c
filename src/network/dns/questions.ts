import type { Logger } from '#log';
import { isLoopback, parseAddress } from '../addresses.ts';
import { usualPatience } from './host-resolvers.ts';
import type { Handler } from './listener.ts';
import { answerLocally } from './local-answers.ts';
import { formatAnswer, formatRejection, isRejected, parseQuery, passOn, responseCode, sizeLimit, type Query } from './message.ts';
import type { NameIndex } from './name-index.ts';
import type { ServeOptions } from './types.ts';
import { askServers, type Resolvers } from './upstream.ts';

export interface QuestionsOptions {
  readonly containerId: string;
  readonly index: NameIndex;
  readonly logger: Logger;
  readonly hostResolvers: () => Resolvers;
  /** As they are at the moment. */
  readonly serveOptions: () => ServeOptions;
  /** A datagram socket inside the container's namespace, bound to an address of it: its descriptor. */
  readonly bindInside: (address: string) => number;
}

/** Questions that wait for somebody else's answer, of one container; more are refused, as each takes a socket. */
const longestQueue = 256;
const longestMessage = 0xffff;

/** Answers a container's questions: of its neighbours at once, of anybody else with what the servers say. Disposing gives up those that wait. */
export function createQuestions(options: QuestionsOptions): { readonly handle: Handler } & Disposable {
  const { containerId, index, logger } = options;
  const waiting = new Set<AbortController>();
  const answer = async (message: Uint8Array, isStream: boolean): Promise<Buffer | null> => {
    const query = parseQuery(message);
    if (query === null) return null;
    if (isRejected(query)) return formatRejection(query);
    const own = answerLocally(index, containerId, query, isStream ? longestMessage : sizeLimit(query));
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
