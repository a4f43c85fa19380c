import { NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST } from '../netlink/constants.ts';
import { attribute, concatenate, nested, text, type Message } from '../netlink/wire.ts';

/** Rules in the kernel's own words: <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_tables.h>. Its integers are big endian. */

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFPROTO_IPV4 = 2;
const NLM_F_APPEND = 0x800;

const message = { newTable: 0, deleteTable: 2, newChain: 3, newRule: 6 } as const;
/** Only the socket that made the table changes it, which not even `flush ruleset` does (Linux 5.12). */
const NFT_TABLE_F_OWNER = 2;
/** It does not go with that socket, but waits for the next that claims it (Linux 6.9). */
const NFT_TABLE_F_PERSIST = 4;
const NF_INET_LOCAL_OUT = 3;
/** Before connection tracking, which begins at -200. */
const NF_IP_PRI_RAW = -300;

const NFT_REG_1 = 1;
const NFT_META_L4PROTO = 16;
const NFT_PAYLOAD_CSUM_INET = 1;
const payloadBase = { network: 1, transport: 2 } as const;

type Expression = readonly [name: string, ...data: Uint8Array[]];

/** One transaction: all of it or nothing. */
export function batch(...requests: readonly Message[]): Message[] {
  const mark = (type: number): Message => ({ type, flags: NLM_F_REQUEST, sequence: 0, body: familyHeader(0, NFNL_SUBSYS_NFTABLES) });
  const numbered = requests.map((request, index) => ({ ...request, sequence: index + 1 }));
  return [mark(NFNL_MSG_BATCH_BEGIN), ...numbered, mark(NFNL_MSG_BATCH_END)];
}

/** A table that belongs to the socket; a lasting one that nobody owns any more is taken over. */
export function addOwnedTable(table: string, isLasting: boolean): Message {
  return request(message.newTable, NLM_F_CREATE, text(1, table), be32(2, NFT_TABLE_F_OWNER | (isLasting ? NFT_TABLE_F_PERSIST : 0)));
}

export function deleteTable(table: string): Message {
  return request(message.deleteTable, 0, text(1, table));
}

/** A chain that sees what the namespace itself sends. */
export function addOutputChain(table: string, chain: string): Message {
  const hook = nested(4, be32(1, NF_INET_LOCAL_OUT), be32(2, NF_IP_PRI_RAW));
  return request(message.newChain, NLM_F_CREATE, text(1, table), text(3, chain), hook, text(7, 'filter'));
}

export function addRule(table: string, chain: string, ...expressions: readonly Expression[]): Message {
  const list = expressions.map(([name, ...data]) => nested(1, text(1, name), nested(2, ...data)));
  return request(message.newRule, NLM_F_CREATE | NLM_F_APPEND, text(1, table), text(2, chain), nested(4, ...list));
}

/** Whether bytes of the IPv4 header (`network`) or of the one behind it (`transport`) are these. */
export function whenBytes(base: keyof typeof payloadBase, offset: number, bytes: Uint8Array): Expression[] {
  return [['payload', be32(1, NFT_REG_1), ...place(base, offset, bytes.length)], isEqual(bytes)];
}

export function whenProtocol(protocol: number): Expression[] {
  return [['meta', be32(1, NFT_REG_1), be32(2, NFT_META_L4PROTO)], isEqual(Uint8Array.of(protocol))];
}

/** Writes bytes of the transport's header and puts its checksum, at `checksumOffset`, right. */
export function setBytes(offset: number, bytes: Uint8Array, checksumOffset: number): Expression[] {
  const checksum = [be32(6, NFT_PAYLOAD_CSUM_INET), be32(7, checksumOffset)];
  return [
    ['immediate', be32(1, NFT_REG_1), value(2, bytes)],
    ['payload', be32(5, NFT_REG_1), ...place('transport', offset, bytes.length), ...checksum],
  ];
}

function isEqual(bytes: Uint8Array): Expression {
  return ['cmp', be32(1, NFT_REG_1), be32(2, 0), value(3, bytes)];
}

function place(base: keyof typeof payloadBase, offset: number, length: number): Uint8Array[] {
  return [be32(2, payloadBase[base]), be32(3, offset), be32(4, length)];
}

function value(type: number, bytes: Uint8Array): Uint8Array {
  return nested(type, attribute(1, bytes));
}

function request(type: number, flags: number, ...attributes: readonly Uint8Array[]): Message {
  const body = concatenate([familyHeader(NFPROTO_IPV4, 0), ...attributes]);
  return { type: (NFNL_SUBSYS_NFTABLES << 8) | type, flags: NLM_F_REQUEST | NLM_F_ACK | flags, sequence: 0, body };
}

/** struct nfgenmsg. */
function familyHeader(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, resource >> 8, resource & 0xff);
}

function be32(type: number, number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number >>> 0);
  return attribute(type, bytes);
}
