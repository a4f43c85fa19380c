import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { codeOf, isAnswer, isTruncated, newId, responseCode, withId, type Query } from './message.ts';

export interface Server {
  /** An IPv6 one may have a zone. */
  readonly address: string;
  /** Gives the descriptor of a bound datagram socket to ask from, where this address means another machine than ours. Such a server is not asked over TCP. */
  readonly bind?: () => number;
}

/** Whom to ask what no container is called, and how patiently. */
export interface Resolvers {
  readonly servers: readonly Server[];
  /** How long a server is waited for before the next is asked as well. */
  readonly timeoutMs: number;
  /** How often the list is gone through. */
  readonly attempts: number;
}

export interface AskOptions extends Resolvers {
  /** Ends it early; the caller aborts it in any case when he has his answer, which closes the sockets. */
  readonly signal: AbortSignal;
  /** Whether the client can take an answer of any length. */
  readonly isStream: boolean;
  /** Hears which servers were asked and had said nothing when another one answered. */
  readonly onSilent?: (servers: Iterable<Server>) => void;
  /** 53, except in tests. */
  readonly port?: number;
}

const dnsPort = 53;
/** What a server says who cannot help: another may. */
const unhelpful: ReadonlySet<number> = new Set([responseCode.FAILED, responseCode.UNKNOWN_OPERATION, responseCode.REFUSED]);

/**
 * Asks the servers one after the other, in the client's own words under a new id and from a new port each time. A server that is slow is still listened to while
 * the next is asked: the first answer is taken. null: none came, or the signal. Never fails.
 */
export async function askServers(query: Query, options: AskOptions): Promise<Buffer | null> {
  const { servers, attempts, isStream } = options;
  const tries = Array.from({ length: attempts }, () => servers).flat();
  const answer = await race(tries, options, (server) => askByDatagram(query, server, options));
  if (answer === null || !isStream || !isTruncated(answer.message)) return answer?.message ?? null;
  return answer.server.bind === undefined ? askByStream(query, answer.server.address, options) : null;
}

interface Answer {
  readonly server: Server;
  readonly message: Buffer;
}

/** What became of a question: an answer, nothing because the server is not there, or null when time was up. */
type Outcome = Buffer | 'unreachable' | null;

/** Begins the next try when the last one has taken too long or failed; a server that said that it cannot help is not asked again. */
async function race(
  tries: readonly Server[],
  { timeoutMs, signal, onSilent }: AskOptions,
  ask: (server: Server) => Promise<Outcome>,
): Promise<Answer | null> {
  const { promise, resolve } = Promise.withResolvers<Answer | null>();
  const left = [...tries];
  const useless = new Set<Server>();
  const silent = new Set<Server>();
  let poor: Answer | null = null;
  let pending = 0;
  let timer: NodeJS.Timeout | undefined;
  const next = (): void => {
    clearTimeout(timer);
    const server = left.find((candidate) => !useless.has(candidate));
    left.splice(0, server === undefined ? left.length : left.indexOf(server) + 1);
    if (server !== undefined) void attempt(server);
    // The last one of all is still waited for.
    if (server !== undefined || pending > 0) timer = setTimeout(left.length > 0 ? next : () => resolve(poor), timeoutMs);
    else resolve(poor);
  };
  const attempt = async (server: Server): Promise<void> => {
    pending += 1;
    silent.add(server);
    const outcome = await ask(server);
    pending -= 1;
    if (outcome === null) return;
    silent.delete(server);
    const answer = outcome === 'unreachable' ? null : { server, message: outcome };
    if (answer !== null && !unhelpful.has(codeOf(answer.message))) return resolve(answer);
    poor = answer ?? poor;
    useless.add(server);
    if (left.length > 0 || pending === 0) next();
  };
  signal.addEventListener('abort', () => resolve(null), { once: true });
  next();
  const answer = await promise;
  clearTimeout(timer);
  if (answer !== null && silent.size > 0) onSilent?.(silent);
  return answer;
}

/** Connected, so that the kernel takes answers from this server's address and port only; others are told from answers by their id and question. */
function askByDatagram(query: Query, { address, bind }: Server, { signal, port = dnsPort }: AskOptions): Promise<Outcome> {
  const id = newId();
  return new Promise((resolve) => {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', signal });
    let outcome: Outcome = null;
    let isOpen = true;
    const end = (result: Outcome): void => {
      if (!isOpen) return;
      isOpen = false;
      outcome = result;
      socket.close();
    };
    socket.once('close', () => {
      isOpen = false;
      resolve(outcome);
    });
    socket.on('error', () => end('unreachable'));
    socket.on('message', (message) => {
      if (isAnswer(query, id, message)) end(message);
    });
    if (bind !== undefined) socket.bind({ fd: bind(), exclusive: true });
    // Without a callback of its own: that would be told of a failure instead of the error's listener.
    socket.on('connect', () => {
      if (isOpen) socket.send(withId(query.message, id));
    });
    socket.connect(port, address);
  });
}

function askByStream(query: Query, server: string, { signal, timeoutMs, port = dnsPort }: AskOptions): Promise<Buffer | null> {
  const id = newId();
  return new Promise((resolve) => {
    const socket = connect({ port, host: server, signal });
    socket.setTimeout(timeoutMs, () => socket.destroy());
    let answer: Buffer | null = null;
    let received = Buffer.alloc(0);
    socket.on('connect', () => socket.write(frame(withId(query.message, id))));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const message = received.length < 2 ? undefined : received.subarray(2, 2 + received.readUInt16BE(0));
      if (message === undefined || message.length < received.readUInt16BE(0)) return;
      answer = isAnswer(query, id, message) ? message : null;
      socket.destroy();
    });
    // What the error was does not matter: there is no answer.
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(answer));
  });
}

/** RFC 1035 4.2.2: over TCP the length goes first. */
export function frame(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, 2);
  return bytes;
}
