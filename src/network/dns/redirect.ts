import { randomBytes } from 'node:crypto';
import { close } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno, OrlopError } from '#errors';
import { addOutputChain, addOwnedTable, addRule, batch, deleteTable, setBytes, whenBytes, whenProtocol } from './nf-tables.ts';
import { NLMSG_ERROR } from '../netlink/constants.ts';
import { errnoName, parseAnswer } from '../netlink/replies.ts';
import { decodeMessages, encodeMessages, type Message } from '../netlink/wire.ts';
import type { NetworkCalls } from '../types.ts';

const NETLINK_NETFILTER = 12;
const chain = 'output';
/** How long the kernel may take to forget a removed table: whoever closes its socket earlier waits for that. */
const forgottenMs = 200;
const claimEveryMs = 20;
const claimForMs = 1000;

/** Where the source and the destination stand in the IPv4 header (RFC 791), and the ports behind it (RFC 768, RFC 9293). */
const addressOffset = { source: 12, destination: 16 } as const;
const portOffset = { source: 0, destination: 2 } as const;
const protocols = { udp: { number: 17, checksumOffset: 6 }, tcp: { number: 6, checksumOffset: 16 } } as const;
type Protocol = keyof typeof protocols;

export interface RedirectOptions {
  /** IPv4, as four bytes. */
  readonly address: Uint8Array;
  readonly port: number;
  /** Where the server really listens. */
  readonly to: Readonly<Record<Protocol, number>>;
}

/**
 * Makes a server that listens on another port appear on this one, to whoever asks from the same network namespace, so that the port stays free for a server of the
 * container's own: the destination port is rewritten on the way out and the source port on the way back, without connection tracking.
 * The table belongs to a socket that is kept open: nobody else can change it. When the engine is killed, it waits for the next one; before Linux 6.9 it goes with
 * the socket. null: the kernel has no nf_tables, or none whose tables have owners (Linux 5.12).
 */
export async function openRedirect(addon: NetworkCalls, netnsFd: number, options: RedirectOptions): Promise<Disposable | null> {
  const socket = openSocket(addon, netnsFd);
  if (socket === null) return null;
  const lasting = 'orlop-dns';
  // One that goes with its socket may still be there, of an engine that was killed, about to go: no two have one name.
  const passing = `${lasting}-${randomBytes(4).toString('hex')}`;
  let refused = await claim(addon, socket, planRedirect(lasting, true, options));
  // Who holds on to the name is in the container, and may not stand in our way.
  const table = refused !== null && (refused === 'EPERM' || unsupported.has(refused)) ? passing : lasting;
  if (table === passing) refused = converse(addon, socket, planRedirect(passing, false, options));
  if (refused === null) return { [Symbol.dispose]: () => closeRedirect(addon, socket, table) };
  addon.close(socket);
  if (unsupported.has(refused)) return null;
  throw new OrlopError('internal', 'NETWORK_NAMES_REDIRECT', `the kernel refused the redirection of port 53: ${refused}`);
}

const unsupported: ReadonlySet<string> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOENT', 'EINVAL']);

/** Waits for an engine that was killed to be gone: until then the table is its own. */
async function claim(addon: NetworkCalls, socket: number, plan: readonly Message[]): Promise<string | null> {
  for (let waitedMs = 0; ; waitedMs += claimEveryMs) {
    const refused = converse(addon, socket, plan);
    if (refused !== 'EPERM' || waitedMs >= claimForMs) return refused;
    await delay(claimEveryMs);
  }
}

/** Closing the socket of a table that is there, or has just been, blocks for many milliseconds: it is done later, and in a thread. */
function closeRedirect(addon: NetworkCalls, socket: number, table: string): void {
  converse(addon, socket, batch(deleteTable(table)));
  setTimeout(() => close(socket, () => undefined), forgottenMs).unref();
}

function openSocket(addon: NetworkCalls, netnsFd: number): number | null {
  try {
    return addon.netlinkOpen(NETLINK_NETFILTER, netnsFd);
  } catch (error) {
    if (isErrno(error, 'EPROTONOSUPPORT')) return null;
    throw error;
  }
}

/** The table anew, with two rules a protocol. Pure. */
function planRedirect(table: string, isLasting: boolean, { address, port, to }: RedirectOptions): Message[] {
  const rules = (Object.keys(protocols) as Protocol[]).flatMap((protocol) => {
    const { number, checksumOffset } = protocols[protocol];
    const rewrite = (side: 'source' | 'destination', from: number, into: number): Message =>
      addRule(
        table,
        chain,
        ...whenBytes('network', addressOffset[side], address),
        ...whenProtocol(number),
        ...whenBytes('transport', portOffset[side], be16(from)),
        ...setBytes(portOffset[side], be16(into), checksumOffset),
      );
    return [rewrite('destination', port, to[protocol]), rewrite('source', to[protocol], port)];
  });
  const made = addOwnedTable(table, isLasting);
  return batch(made, deleteTable(table), made, addOutputChain(table, chain), ...rules);
}

/** Sends a transaction; the name of the first error, or null. The kernel answers within send(2). */
function converse(addon: NetworkCalls, socket: number, messages: readonly Message[]): string | null {
  addon.netlinkSend(socket, encodeMessages(messages));
  let refused: string | null = null;
  for (let datagram = addon.netlinkReceive(socket); datagram !== null; datagram = addon.netlinkReceive(socket)) {
    for (const message of decodeMessages(datagram)) {
      const errno = message.type === NLMSG_ERROR ? parseAnswer(message).errno : 0;
      if (errno !== 0) refused ??= errnoName(errno);
    }
  }
  return refused;
}

function be16(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}
