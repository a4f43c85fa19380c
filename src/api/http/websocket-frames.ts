/** RFC 6455 section 5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** RFC 6455 section 7.4.1. */
export const closeCodes = { normal: 1000, goingAway: 1001, protocolError: 1002, tooBig: 1009 } as const;

/** What a client's frames say; `close` is the last. */
export type FrameEvent =
  | { readonly type: 'data' | 'ping'; readonly data: Buffer }
  /** With the code that answers it. */
  | { readonly type: 'close'; readonly code: number };

interface Header {
  readonly opcode: number;
  /** Of its message. */
  readonly last: boolean;
  readonly length: number;
  readonly mask: Buffer;
  readonly bytes: number;
}

const controlBytesMax = 125;

/**
 * Cuts a client's bytes into what its frames say, however they are portioned. Data is handed on as it comes, without waiting for whole frames, so that no
 * length costs memory. Nothing comes after `close`, which a client that breaks the protocol brings about as well. Text is not checked to be UTF-8: it is bytes for a process.
 */
export function createFrameReader(): (chunk: Buffer) => FrameEvent[] {
  let rest: Buffer = Buffer.alloc(0);
  let frame: { header: Header; done: number } | null = null;
  let message = false;
  let over = false;
  const close = (code: number): FrameEvent => {
    over = true;
    return { type: 'close', code };
  };
  /** Null: more bytes are needed. */
  const step = (): FrameEvent | 'again' | null => {
    if (frame === null) {
      const header = readHeader(rest, message);
      if (header === null) return null;
      if (typeof header === 'number') return close(header);
      rest = rest.subarray(header.bytes);
      frame = { header, done: 0 };
      if (header.opcode < opcodes.close) message = !header.last;
    }
    const { header, done } = frame;
    const control = header.opcode >= opcodes.close;
    const size = Math.min(rest.length, header.length - done);
    if (size < header.length - done && (control || size === 0)) return null;
    const data = unmask(rest.subarray(0, size), header.mask, done);
    rest = rest.subarray(size);
    frame = done + size === header.length ? null : { header, done: done + size };
    if (header.opcode === opcodes.close) return close(data.length < 2 ? closeCodes.normal : data.readUInt16BE(0));
    if (header.opcode === opcodes.ping) return { type: 'ping', data };
    return control || size === 0 ? 'again' : { type: 'data', data };
  };
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const events: FrameEvent[] = [];
    for (let event = over ? null : step(); event !== null; event = over ? null : step()) if (event !== 'again') events.push(event);
    return events;
  };
}

/** A number is the code that refuses it; null: it is not all there. */
function readHeader(bytes: Buffer, inMessage: boolean): Header | number | null {
  if (bytes.length < 2) return null;
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
  const opcode = first & 0x0f;
  const last = (first & 0x80) !== 0;
  const short = second & 0x7f;
  const control = opcode >= opcodes.close;
  const known = control
    ? opcode <= opcodes.pong && last && short <= controlBytesMax
    : opcode <= opcodes.binary && (opcode === 0) === inMessage;
  // No extension was agreed on, and a client must mask.
  if (!known || (first & 0x70) !== 0 || (second & 0x80) === 0) return closeCodes.protocolError;
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
  const size = 2 + lengthBytes + 4;
  if (bytes.length < size) return null;
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (!Number.isSafeInteger(length)) return closeCodes.tooBig;
  return { opcode, last, length, mask: Buffer.from(bytes.subarray(size - 4, size)), bytes: size };
}

/** `from`: how much of the frame has come before. */
function unmask(data: Buffer, mask: Buffer, from: number): Buffer {
  const plain = Buffer.allocUnsafe(data.length);
  for (let index = 0; index < data.length; index++) plain[index] = (data[index] ?? 0) ^ (mask[(from + index) & 3] ?? 0);
  return plain;
}

/** A server's frame that is a whole message. */
export function encodeMessage(opcode: number, data: Uint8Array): Buffer {
  const lengthBytes = data.length <= 125 ? 0 : data.length <= 0xffff ? 2 : 8;
  const header = Buffer.alloc(2 + lengthBytes);
  header[0] = 0x80 | opcode;
  header[1] = lengthBytes === 0 ? data.length : lengthBytes === 2 ? 126 : 127;
  if (lengthBytes === 2) header.writeUInt16BE(data.length, 2);
  if (lengthBytes === 8) header.writeBigUInt64BE(BigInt(data.length), 2);
  return Buffer.concat([header, data]);
}

export function encodeClose(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return encodeMessage(opcodes.close, payload);
}
