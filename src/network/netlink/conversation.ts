import { kindOfErrno, OrlopError } from '#errors';
import type { NetworkCalls } from '../types.ts';
import * as n from './constants.ts';
import { errnoName, parseAnswer, type Answer } from './replies.ts';
import type { Request } from './requests.ts';
import { decodeMessages, encodeMessages, malformed, type Message } from './wire.ts';

/**
 * A conversation with one of the kernel's families behind netlink(7). Every call is complete when it returns: the kernel does the work and
 * queues its answer inside send(2), so nothing ever waits and no two requests can mix.
 */
export interface Conversation extends Disposable {
  /** Sends the requests, few in one datagram, many in several; throws the first failure, in the requests' order, after all were tried. */
  change(...requests: readonly Request[]): void;
  /** Sends the requests between two marks, as a transaction that is carried out whole or not at all. */
  transact(begin: Request, requests: readonly Request[], end: Request): void;
  /** The answer to a question; null when it is a refusal with this errno name. */
  ask(request: Request, absent: string): Message | null;
  /** All items of a listing; those that parse to null are left out. */
  list<T>(request: Request, parse: (body: Uint8Array) => T | null): T[];
}

/** More answers than these might not fit into a socket's buffer, which is 208 KiB unless the system was told otherwise. */
const requestsAtOnce = 64;

/** How often a listing that changed under our eyes is begun again before it is taken as it is. */
const dumpAttempts = 5;

/** A setting of a namespace: a file below /proc/sys. */
export interface Setting {
  readonly path: string;
  readonly value: string;
}

/** Opens a socket in the namespace of the descriptor; -1 is ours. The descriptor may be closed afterwards. The setting is made on the way in. */
export function openConversation(addon: NetworkCalls, protocol: number, netnsFd = -1, setting?: Setting): Conversation {
  const socket =
    setting === undefined
      ? addon.netlinkOpen(protocol, netnsFd)
      : addon.netlinkOpenSetting(protocol, netnsFd, setting.path, Buffer.from(setting.value));
  let sequence = 0;
  let open = true;
  const send = (requests: readonly Request[]): number => {
    // The number of a closed descriptor soon belongs to something else.
    if (!open) throw new OrlopError('internal', 'NETWORK_SOCKET_CLOSED', 'the netlink socket is closed');
    const first = sequence + 1;
    sequence += requests.length;
    addon.netlinkSend(socket, encodeMessages(requests.map((request, index) => ({ ...request, sequence: first + index }))));
    return first;
  };
  return {
    change(...requests) {
      const answers: Answer[] = [];
      for (let start = 0; start < requests.length; start += requestsAtOnce) {
        const some = requests.slice(start, start + requestsAtOnce);
        answers.push(...receiveAnswers(addon, socket, send(some), some.length));
      }
      throwFirst(requests, answers);
    },
    transact(begin, requests, end) {
      const all = [begin, ...requests, end];
      throwFirst(all, drainAnswers(addon, socket, send(all), all.length));
    },
    ask(request, absent) {
      const reply = receiveReply(addon, socket, send([request]));
      if (reply.type !== n.NLMSG_ERROR) return reply;
      const answer = parseAnswer(reply);
      if (errnoName(answer.errno) === absent) return null;
      throw refusal(request, answer);
    },
    list(request, parse) {
      for (let attempt = 1; ; attempt += 1) {
        const { items, interrupted } = collect(addon, socket, request, send([request]), parse);
        if (!interrupted || attempt === dumpAttempts) return items;
      }
    },
    [Symbol.dispose]() {
      if (open) addon.close(socket);
      open = false;
    },
  };
}

/** Whether the error is the kernel's refusal of a request with one of these errno names. */
export function isRefusal(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof OrlopError && error.code === refusedCode && names.includes(String(error.details?.['errno']));
}

const refusedCode = 'NETWORK_KERNEL_REFUSED';

function throwFirst(requests: readonly Request[], answers: readonly Answer[]): void {
  const failed = answers.findIndex((answer) => answer.errno !== 0);
  const [request, answer] = [requests[failed], answers[failed]];
  if (request !== undefined && answer !== undefined) throw refusal(request, answer);
}

function refusal(request: Request, answer: Answer): OrlopError {
  const errno = errnoName(answer.errno);
  const kind = errno === 'EXFULL' ? 'resource-exhausted' : kindOfErrno(errno);
  const words = answer.text === undefined ? '' : ` (${answer.text})`;
  return new OrlopError(kind, refusedCode, `cannot ${request.purpose}: ${errno}${words}`, {
    details: { errno, kernel: answer.text ?? null },
  });
}

/** A datagram of ours that is already there; its absence means that the kernel broke its word. */
function receive(addon: NetworkCalls, socket: number): Message[] {
  const datagram = addon.netlinkReceive(socket);
  if (datagram === null) throw malformed('an answer is missing');
  return decodeMessages(datagram);
}

const success: Answer = { errno: 0, text: undefined };

function receiveAnswers(addon: NetworkCalls, socket: number, first: number, count: number): Answer[] {
  const answers = new Map<number, Answer>();
  while (answers.size < count) addAnswers(answers, receive(addon, socket), first, count);
  return Array.from({ length: count }, (_, index) => answers.get(index) ?? success);
}

/** Of a transaction only those requests are answered that ask for it, and a mark when it is the transaction that fails. */
function drainAnswers(addon: NetworkCalls, socket: number, first: number, count: number): Answer[] {
  const answers = new Map<number, Answer>();
  for (let datagram = addon.netlinkReceive(socket); datagram !== null; datagram = addon.netlinkReceive(socket)) {
    addAnswers(answers, decodeMessages(datagram), first, count);
  }
  if (answers.size === 0) throw malformed('the answer to a transaction is missing');
  return Array.from({ length: count }, (_, index) => answers.get(index) ?? success);
}

function addAnswers(answers: Map<number, Answer>, messages: readonly Message[], first: number, count: number): void {
  for (const message of messages) {
    const place = message.sequence - first;
    if (message.type !== n.NLMSG_ERROR || place < 0 || place >= count) continue;
    const answer = parseAnswer(message);
    if ((answers.get(place)?.errno ?? 0) === 0) answers.set(place, answer);
  }
}

function receiveReply(addon: NetworkCalls, socket: number, sequence: number): Message {
  for (;;) {
    const reply = receive(addon, socket).find((message) => message.sequence === sequence);
    if (reply !== undefined) return reply;
  }
}

function collect<T>(
  addon: NetworkCalls,
  socket: number,
  request: Request,
  sequence: number,
  parse: (body: Uint8Array) => T | null,
): { items: T[]; interrupted: boolean } {
  const items: T[] = [];
  let interrupted = false;
  for (;;) {
    for (const message of receive(addon, socket)) {
      if (message.sequence !== sequence) continue;
      if ((message.flags & n.NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type === n.NLMSG_ERROR) throw refusal(request, parseAnswer(message));
      if (message.type === n.NLMSG_DONE) return { items, interrupted };
      const item = parse(message.body);
      if (item !== null) items.push(item);
    }
  }
}
