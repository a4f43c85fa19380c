import { malformed } from './signature.ts';
import { type BusValue, createWriter, decodePrefix, decodeValues, encodeValues, type Variant } from './values.ts';

/** D-Bus specification, "Message Types". */
export const messageTypes = { call: 1, reply: 2, error: 3, signal: 4 } as const;

export interface BusMessage {
  readonly type: number;
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature: string;
  readonly body: readonly BusValue[];
}

/** Header fields by their code: the name here and the type on the wire. */
const fields = {
  1: ['path', 'o'],
  2: ['interface', 's'],
  3: ['member', 's'],
  4: ['errorName', 's'],
  5: ['replySerial', 'u'],
  6: ['destination', 's'],
  7: ['sender', 's'],
  8: ['signature', 'g'],
} as const;

const headSignature = 'yyyyuua(yv)';
/** Fixed part of the head, and the length of the array of fields. */
const fixedBytes = 16;
/** The protocol allows 128 MiB; what systemd tells us is below a kilobyte. */
const largestMessage = 1024 * 1024;

export function encodeMessage(message: BusMessage): Buffer {
  const body = createWriter();
  encodeValues(body, message.signature, message.body);
  const entries = Object.entries(fields).flatMap(([code, [name, signature]]): BusValue[] => {
    const value = message[name];
    return value === undefined || value === '' ? [] : [[Number(code), { signature, value }]];
  });
  const writer = createWriter();
  encodeValues(writer, headSignature, [0x6c, message.type, 0, 1, body.length, message.serial, entries]);
  writer.align(8);
  writer.put(body.bytes);
  return Buffer.from(writer.bytes);
}

/**
 * The first message in the bytes that have come so far, and how many of them it took; null while it is not whole. Fails with unavailable
 * `RUNTIME_BUS_MALFORMED`, also when it would be larger than we are willing to hold.
 */
export function decodeMessage(bytes: Buffer): { message: BusMessage; length: number } | null {
  if (bytes.length < fixedBytes) return null;
  const little = bytes[0] === 0x6c;
  if (!little && bytes[0] !== 0x42) throw malformed('a message has an unknown byte order');
  if (bytes[3] !== 1) throw malformed('a message has another protocol version');
  const word = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const bodyLength = word(4);
  const fieldsLength = word(12);
  const headLength = Math.ceil((fixedBytes + fieldsLength) / 8) * 8;
  if (headLength + bodyLength > largestMessage) throw malformed('a message is too large');
  if (bytes.length < headLength + bodyLength) return null;
  const head = decodePrefix(headSignature, bytes.subarray(0, headLength), little).values;
  const named = readFields(head[6] as readonly BusValue[]);
  const signature = named.signature ?? '';
  const body = decodeValues(signature, bytes.subarray(headLength, headLength + bodyLength), little);
  return { message: { ...named, type: bytes[1] ?? 0, serial: word(8), signature, body }, length: headLength + bodyLength };
}

function readFields(entries: readonly BusValue[]): Partial<BusMessage> {
  const named: Record<string, BusValue> = {};
  for (const entry of entries) {
    const [code, variant] = entry as readonly [number, Variant];
    const field = fields[code as keyof typeof fields];
    // "Unknown fields must be ignored."
    if (field === undefined) continue;
    if (variant.signature !== field[1]) throw malformed(`the field ${field[0]} has another type`);
    named[field[0]] = variant.value;
  }
  return named;
}
