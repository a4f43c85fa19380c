import { addressFromBytes, isLoopback, type Address } from '../addresses.ts';
import * as n from '../netlink/constants.ts';
import { isRefusal, openConversation } from '../netlink/conversation.ts';
import { netfilterHead } from '../netlink/netfilter.ts';
import type { Request } from '../netlink/requests.ts';
import { attribute, concatenate, parseAttributes } from '../netlink/wire.ts';
import type { NetworkCalls } from '../types.ts';
import { protocolNumbers, type Forward } from './forwards.ts';

/** Numbers of <linux/netfilter/nfnetlink_conntrack.h>. */
const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_ID = 12;
const CTA_TUPLE_IP = 1;
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
      const concerned = changed.filter(({ protocol }) => protocol !== 'tcp');
      if (concerned.length === 0) return;
      const own = hostAddresses();
      const isOwn = (address: Address): boolean => isLoopback(address) || own.some((one) => isEqual(one, address));
      for (const family of [4, 6] as const) {
        const some = concerned.filter(({ target }) => target.family === family);
        if (some.length > 0) forgetOf(addon, family, some, isOwn);
      }
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
  if (tuple === undefined) return null;
  const parts = parseAttributes(tuple);
  const [ip, transport] = [parts.get(CTA_TUPLE_IP), parts.get(CTA_TUPLE_PROTO)].map((part) => parseAttributes(part ?? new Uint8Array(0)));
  const address = addressFromBytes(ip?.get(CTA_IP_V4_DST) ?? ip?.get(CTA_IP_V6_DST) ?? new Uint8Array(0));
  const [protocol] = transport?.get(CTA_PROTO_NUM) ?? [];
  const [high, low] = transport?.get(CTA_PROTO_DST_PORT) ?? [];
  if (address === null || protocol === undefined || high === undefined || low === undefined) return null;
  return { protocol, address, port: (high << 8) | low, tuple, id: attributes.get(CTA_ID) };
}
