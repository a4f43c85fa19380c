import { OrlopError } from '#errors';
import { NLA_F_NESTED, NLA_TYPE_MASK } from './constants.ts';

/** One netlink message without its framing. Integers are in the machine's order, which is little endian wherever this runs. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

const headerBytes = 16;
const attributeHeaderBytes = 4;

/** Several messages as one buffer to send: header, body, padding to four bytes, each (netlink(7)). */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  const parts = messages.map((message) => {
    const bytes = new Uint8Array(align(headerBytes + message.body.length));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, headerBytes + message.body.length, true);
    view.setUint16(4, message.type, true);
    view.setUint16(6, message.flags, true);
    view.setUint32(8, message.sequence, true);
    bytes.set(message.body, headerBytes);
    return bytes;
  });
  return concatenate(parts);
}

/** The messages of one datagram. Fails with `internal` when their lengths do not add up. */
export function decodeMessages(datagram: Uint8Array): Message[] {
  const messages: Message[] = [];
  const view = viewOf(datagram);
  let offset = 0;
  while (offset < datagram.length) {
    if (offset + headerBytes > datagram.length) throw malformed('a message header is cut off');
    const length = view.getUint32(offset, true);
    if (length < headerBytes || offset + length > datagram.length) throw malformed(`a message claims ${length} bytes`);
    messages.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      body: datagram.subarray(offset + headerBytes, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/** One attribute, padded to four bytes. */
export function attribute(type: number, payload: Uint8Array): Uint8Array {
  const length = attributeHeaderBytes + payload.length;
  if (length > 0xffff)
    throw new OrlopError('internal', 'NETWORK_NETLINK_TOO_LONG', `netlink attribute ${type} has ${payload.length} bytes`);
  const bytes = new Uint8Array(align(length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  bytes.set(payload, attributeHeaderBytes);
  return bytes;
}

/** An attribute that holds attributes, or whatever starts with a fixed header. */
export function nested(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NLA_F_NESTED, concatenate(parts));
}

export function text(type: number, value: string): Uint8Array {
  return attribute(type, Buffer.from(`${value}\0`));
}

export function u32(type: number, value: number): Uint8Array {
  return attribute(type, integer(value));
}

export function u16(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value & 0xff, value >> 8));
}

export function u8(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(value));
}

/** Attributes by type, without the flag bits; of a repeated one the last. Fails with `internal` when lengths do not add up. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = viewOf(bytes);
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + attributeHeaderBytes > bytes.length) throw malformed('an attribute header is cut off');
    const length = view.getUint16(offset, true);
    if (length < attributeHeaderBytes || offset + length > bytes.length) throw malformed(`an attribute claims ${length} bytes`);
    attributes.set(view.getUint16(offset + 2, true) & NLA_TYPE_MASK, bytes.subarray(offset + attributeHeaderBytes, offset + length));
    offset += align(length);
  }
  return attributes;
}

/** A string up to its NUL, if it has one. */
export function readText(payload: Uint8Array | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return Buffer.from(end < 0 ? payload : payload.subarray(0, end)).toString('utf8');
}

export function readU32(payload: Uint8Array | undefined): number | undefined {
  return payload === undefined || payload.length < 4 ? undefined : viewOf(payload).getUint32(0, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

export function align(length: number): number {
  return (length + 3) & ~3;
}

export function malformed(what: string): OrlopError {
  return new OrlopError('internal', 'NETWORK_NETLINK_MALFORMED', `netlink: ${what}`);
}

function integer(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
