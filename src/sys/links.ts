import { getSystemErrorName } from 'node:util';
import { ErrnoError } from '#errors';
import type { Addon } from './addon.ts';

/** A network interface (RTM_NEWLINK). */
export interface NetworkLink {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
}

/** An address of an interface as the kernel told it, ready to be given to another. */
export interface KeptAddress {
  readonly family: number;
  readonly prefixLength: number;
  /** IFA_LOCAL, IFA_ADDRESS and IFA_BROADCAST, as they were. */
  readonly attributes: Uint8Array;
}

/**
 * rtnetlink(7) of one network namespace, for moving interfaces between namespaces. The kernel answers within send(2), so nothing waits. Failures are
 * ErrnoErrors of the call `rtnetlink` with the interface as path.
 */
export interface LinkSocket extends Disposable {
  find(name: string): NetworkLink | null;
  list(): NetworkLink[];
  /** Permanent addresses of global scope, of every family. */
  permanentAddresses(link: NetworkLink): KeptAddress[];
  setUp(link: NetworkLink, up: boolean): void;
  /** In one step into another namespace under this name, which may end in %d. The interface must be down; it loses its addresses. */
  move(link: NetworkLink, netnsFd: number, name: string): void;
  addAddress(link: NetworkLink, address: KeptAddress): void;
}

const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;
const NLM_F_EXCL_CREATE = 0x600;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const IFF_UP = 1;
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_PERMANENT = 0x80;
const RT_SCOPE_UNIVERSE = 0;

const headBytes = 16;

interface Reply {
  readonly type: number;
  readonly body: Buffer;
}

/** `netnsFd` -1: ours. The descriptor may be closed afterwards. */
export function openLinkSocket(addon: Addon, netnsFd: number): LinkSocket {
  const socket = addon.netlinkOpen(0, netnsFd);
  const ask = (type: number, flags: number, body: Buffer, about: string): Reply[] => {
    addon.netlinkSend(socket, frame(type, flags | NLM_F_REQUEST, body));
    return collect(addon, socket, (flags & NLM_F_DUMP) === NLM_F_DUMP, about);
  };
  const dump = (type: number, body: Buffer): Buffer[] => ask(type, NLM_F_DUMP, body, '').map((reply) => reply.body);
  const list = (): NetworkLink[] => dump(RTM_GETLINK, linkBody(0, null, u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS))).map(readLink);
  return {
    list,
    find: (name) => list().find((link) => link.name === name) ?? null,
    permanentAddresses: ({ index }) => dump(RTM_GETADDR, Buffer.alloc(8)).flatMap((body) => keep(body, index)),
    setUp: ({ index, name }, up) => void ask(RTM_SETLINK, NLM_F_ACK, linkBody(index, up), name),
    move: ({ index, name }, target, wanted) =>
      void ask(RTM_NEWLINK, NLM_F_ACK, linkBody(index, null, text(IFLA_IFNAME, wanted), u32(IFLA_NET_NS_FD, target)), name),
    addAddress({ index, name }, { family, prefixLength, attributes }) {
      const head = Buffer.from([family, prefixLength, 0, RT_SCOPE_UNIVERSE, 0, 0, 0, 0]);
      head.writeInt32LE(index, 4);
      ask(RTM_NEWADDR, NLM_F_ACK | NLM_F_EXCL_CREATE, Buffer.concat([head, attributes]), name);
    },
    [Symbol.dispose]: () => addon.close(socket),
  };
}

function frame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(headBytes + body.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt32LE(1, 8);
  return Buffer.concat([head, body]);
}

/** All that belongs to one request: to the end of a listing, else the one answer. */
function collect(addon: Addon, socket: number, whole: boolean, about: string): Reply[] {
  const replies: Reply[] = [];
  for (;;) {
    const datagram = addon.netlinkReceive(socket);
    if (datagram === null) throw malformed(about);
    for (let at = 0; at + headBytes <= datagram.length; ) {
      const length = datagram.readUInt32LE(at);
      if (length < headBytes || at + length > datagram.length) throw malformed(about);
      const type = datagram.readUInt16LE(at + 4);
      const body = datagram.subarray(at + headBytes, at + length);
      if (type === NLMSG_DONE) return replies;
      if (type === NLMSG_ERROR) {
        const errno = -body.readInt32LE(0);
        if (errno !== 0) throw new ErrnoError({ errno: getSystemErrorName(-errno), syscall: 'rtnetlink', path: about });
        return replies;
      }
      replies.push({ type, body });
      at += align(length);
    }
    if (!whole && replies.length > 0) return replies;
  }
}

function malformed(about: string): ErrnoError {
  return new ErrnoError({ errno: 'EBADMSG', syscall: 'rtnetlink', path: about });
}

/** struct ifinfomsg and attributes. */
function linkBody(index: number, up: boolean | null, ...attributes: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32LE(index, 4);
  if (up !== null) {
    head.writeUInt32LE(up ? IFF_UP : 0, 8);
    head.writeUInt32LE(IFF_UP, 12);
  }
  return Buffer.concat([head, ...attributes]);
}

function readLink(body: Buffer): NetworkLink {
  const name = attributesOf(body.subarray(16)).get(IFLA_IFNAME) ?? Buffer.alloc(1);
  return { index: body.readInt32LE(4), name: name.subarray(0, name.indexOf(0)).toString(), up: (body.readUInt32LE(8) & IFF_UP) !== 0 };
}

/** struct ifaddrmsg: family, prefix length, flags, scope, index. */
function keep(body: Buffer, index: number): KeptAddress[] {
  const attributes = attributesOf(body.subarray(8));
  const flags = attributes.get(IFA_FLAGS)?.readUInt32LE(0) ?? body[2] ?? 0;
  if (body.readInt32LE(4) !== index || (flags & IFA_F_PERMANENT) === 0 || body[3] !== RT_SCOPE_UNIVERSE) return [];
  const kept = [IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST].flatMap((type) => {
    const payload = attributes.get(type);
    return payload === undefined ? [] : [attribute(type, payload)];
  });
  return [{ family: body[0] ?? 0, prefixLength: body[1] ?? 0, attributes: Buffer.concat(kept) }];
}

function attributesOf(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) return found;
    found.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

function attribute(type: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(align(4 + payload.length));
  bytes.writeUInt16LE(4 + payload.length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(payload, 4);
  return bytes;
}

function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

function u32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}

function align(length: number): number {
  return (length + 3) & ~3;
}
