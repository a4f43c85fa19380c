import { addressFromBytes, isLoopback, type Address } from '../addresses.ts';
import * as n from '../netlink/constants.ts';
import { isRefusal, openConversation } from '../netlink/conversation.ts';
import { netfilterHead } from '../netlink/netfilter.ts';
import type { Request } from '../netlink/requests.ts';
import { attribute, concatenate, parseAttributes } from '../netlink/wire.ts';
import type { NetworkCalls } from '../types.ts';
import type { Conversation, PortProtocol } from '../ports/types.ts';
import { protocolNumbers, type Forward } from './forwards.ts';

/** Numbers of <linux/netfilter/nfnetlink_conntrack.h>. */
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_PROTOINFO = 4;
const CTA_PROTOINFO_TCP = 1;
const CTA_PROTOINFO_TCP_STATE = 1;
const TCP_CONNTRACK_TIME_WAIT = 7;
const CTA_ID = 12;
const CTA_TUPLE_IP = 1;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V6_SRC = 3;
const CTA_PROTO_SRC_PORT = 2;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_DST = 4;
const CTA_TUPLE_PROTO = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;

/**
 * What the kernel remembers of conversations. Address translation is decided once for each, so a client of UDP that goes on sending would reach the old
 * container, or none, for as long as it does; TCP begins a new one with each connection.
 */
export interface Conntrack {
  /** Forgets the conversations with ports that lead elsewhere now. */
  forget(changed: readonly Forward[]): void;
  /** By container, what is said between others and these ports of theirs. */
  conversations(served: readonly Served[]): Map<string, Conversation[]>;
}

/** A port of a container. */
export interface Served {
  readonly containerId: string;
  readonly protocol: PortProtocol;
  readonly address: Address;
  readonly port: number;
}

/** A conversation, by where its first packet went. */
interface Conversed {
  readonly protocol: number;
  readonly address: Address;
  readonly port: number;
  /** For its deletion. */
  readonly tuple: Uint8Array;
  readonly id: Uint8Array | undefined;
}

export function createConntrack(addon: NetworkCalls, hostAddresses: () => readonly Address[]): Conntrack {
  return {
    forget(changed) {
      // What is reached at its own address is not translated.
      const concerned = changed.filter(({ protocol, hostPort }) => protocol !== 'tcp' && hostPort !== 0);
      if (concerned.length === 0) return;
      const own = hostAddresses();
      const isOwn = (address: Address): boolean => isLoopback(address) || own.some((one) => isEqual(one, address));
      for (const family of [4, 6] as const) {
        const some = concerned.filter(({ target }) => target.family === family);
        if (some.length > 0) forgetOf(addon, family, some, isOwn);
      }
    },
    conversations(served) {
      const found = new Map<string, Conversation[]>();
      for (const family of [4, 6] as const) {
        const some = served.filter(({ address }) => address.family === family);
        if (some.length > 0) conversationsOf(addon, family, some, found);
      }
      return found;
    },
  };
}

function forgetOf(addon: NetworkCalls, family: 4 | 6, forwards: readonly Forward[], isOwn: (address: Address) => boolean): void {
  const byPort = Map.groupBy(forwards, ({ protocol, hostPort }) => `${protocolNumbers[protocol]} ${hostPort}`);
  using conversation = openConversation(addon, n.NETLINK_NETFILTER);
  const isMeant = ({ protocol, port, address }: Conversed): boolean =>
    byPort.get(`${protocol} ${port}`)?.some(({ hostAddress }) => (hostAddress === null ? isOwn(address) : isEqual(hostAddress, address))) ??
    false;
  const found = conversation.list(request(IPCTNL_MSG_CT_GET, family, n.NLM_F_DUMP), (body) => {
    const conversed = parseConversed(body);
    return conversed !== null && isMeant(conversed) ? conversed : null;
  });
  for (const { tuple, id } of found) {
    const attributes = [attribute(CTA_TUPLE_ORIG | n.NLA_F_NESTED, tuple), ...(id === undefined ? [] : [attribute(CTA_ID, id)])];
    try {
      conversation.change(request(IPCTNL_MSG_CT_DELETE, family, n.NLM_F_ACK, ...attributes));
    } catch (error) {
      // It ended by itself meanwhile.
      if (!isRefusal(error, 'ENOENT')) throw error;
    }
  }
}

/** By where answers come from: address translation does not change that. */
function conversationsOf(addon: NetworkCalls, family: 4 | 6, served: readonly Served[], found: Map<string, Conversation[]>): void {
  const keyOf = (protocol: number, { value }: Address, port: number): string => `${protocol} ${value} ${port}`;
  const owners = new Map(
    served.map(({ containerId, protocol, address, port }) => [keyOf(protocolNumbers[protocol], address, port), containerId]),
  );
  using conversation = openConversation(addon, n.NETLINK_NETFILTER);
  conversation.list(request(IPCTNL_MSG_CT_GET, family, n.NLM_F_DUMP), (body) => {
    const attributes = parseAttributes(body.subarray(4));
    const end = parseEnd(attributes.get(CTA_TUPLE_REPLY), { v4: CTA_IP_V4_SRC, v6: CTA_IP_V6_SRC, port: CTA_PROTO_SRC_PORT });
    const owner = end === null ? undefined : owners.get(keyOf(end.protocol, end.address, end.port));
    if (owner === undefined) return null;
    const id = Buffer.from(attributes.get(CTA_ID) ?? []).toString('hex');
    found.set(owner, [...(found.get(owner) ?? []), { id, isOver: isOver(attributes.get(CTA_PROTOINFO)) }]);
    return null;
  });
}

/** Of TCP: both sides have closed it, or one has broken it off (nf_conntrack_tcp.h). */
function isOver(info: Uint8Array | undefined): boolean {
  const tcp = parseAttributes(info ?? new Uint8Array(0)).get(CTA_PROTOINFO_TCP);
  const [state = 0] = parseAttributes(tcp ?? new Uint8Array(0)).get(CTA_PROTOINFO_TCP_STATE) ?? [];
  return state >= TCP_CONNTRACK_TIME_WAIT;
}

function isEqual(a: Address, b: Address): boolean {
  return a.family === b.family && a.value === b.value;
}

function request(message: number, family: 4 | 6, flags: number, ...attributes: readonly Uint8Array[]): Request {
  const body = concatenate([netfilterHead(family === 4 ? n.AF_INET : n.AF_INET6, 0), ...attributes]);
  const purpose = message === IPCTNL_MSG_CT_GET ? 'list tracked connections' : 'forget a tracked connection';
  return { type: (NFNL_SUBSYS_CTNETLINK << 8) | message, flags: n.NLM_F_REQUEST | flags, body, purpose };
}

/** null for a protocol without ports. */
function parseConversed(body: Uint8Array): Conversed | null {
  const attributes = parseAttributes(body.subarray(4));
  const tuple = attributes.get(CTA_TUPLE_ORIG);
  const end = parseEnd(tuple, { v4: CTA_IP_V4_DST, v6: CTA_IP_V6_DST, port: CTA_PROTO_DST_PORT });
  return end === null || tuple === undefined ? null : { ...end, tuple, id: attributes.get(CTA_ID) };
}

/** One end of a tuple; null for a protocol without ports. */
function parseEnd(
  tuple: Uint8Array | undefined,
  at: { readonly v4: number; readonly v6: number; readonly port: number },
): Pick<Conversed, 'protocol' | 'address' | 'port'> | null {
  if (tuple === undefined) return null;
  const parts = parseAttributes(tuple);
  const [ip, transport] = [parts.get(CTA_TUPLE_IP), parts.get(CTA_TUPLE_PROTO)].map((part) => parseAttributes(part ?? new Uint8Array(0)));
  const address = addressFromBytes(ip?.get(at.v4) ?? ip?.get(at.v6) ?? new Uint8Array(0));
  const [protocol] = transport?.get(CTA_PROTO_NUM) ?? [];
  const [high, low] = transport?.get(at.port) ?? [];
  if (address === null || protocol === undefined || high === undefined || low === undefined) return null;
  return { protocol, address, port: (high << 8) | low };
}
