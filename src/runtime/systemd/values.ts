import { alignmentOf, type BusType, deepestNesting, malformed, parseSignature } from './signature.ts';

/**
 * Values of D-Bus in JavaScript: numbers (x and t as bigint), booleans, strings; arrays, structs and dict entries as arrays, `ay` as bytes; a variant with
 * the signature of its one complete type.
 */
export type BusValue = number | bigint | boolean | string | Uint8Array | readonly BusValue[] | Variant;

export interface Variant {
  readonly signature: string;
  readonly value: BusValue;
}

export interface Writer {
  readonly bytes: Buffer;
  align(to: number): void;
  put(bytes: Uint8Array): void;
  /** Overwrites what was written at this place before. */
  patch(at: number, value: number): void;
  readonly length: number;
}

export function createWriter(): Writer {
  let buffer = Buffer.alloc(512);
  let length = 0;
  const grow = (more: number): void => {
    if (length + more > buffer.length) buffer = Buffer.concat([buffer], Math.max(buffer.length * 2, length + more));
  };
  return {
    get bytes() {
      return buffer.subarray(0, length);
    },
    get length() {
      return length;
    },
    align(to) {
      const padding = (to - (length % to)) % to;
      grow(padding);
      buffer.fill(0, length, length + padding);
      length += padding;
    },
    put(bytes) {
      grow(bytes.length);
      buffer.set(bytes, length);
      length += bytes.length;
    },
    patch(at, value) {
      buffer.writeUInt32LE(value, at);
    },
  };
}

/** Values in a row, little-endian. A value that does not fit its type is our own mistake: TypeError. */
export function encodeValues(writer: Writer, signature: string, values: readonly BusValue[]): void {
  const types = parseSignature(signature);
  if (types.length !== values.length) throw new TypeError(`${values.length} values for the signature ${signature}`);
  types.forEach((type, index) => encode(writer, type, values[index] as BusValue));
}

function encode(writer: Writer, type: BusType, value: BusValue): void {
  writer.align(alignmentOf(type));
  switch (type.code) {
    case 'a':
      return encodeArray(writer, type.element, value);
    case '(':
    case '{': {
      const members = value as readonly BusValue[];
      if (members.length !== type.members.length) throw new TypeError('a struct has another number of members than its signature');
      return type.members.forEach((member, index) => encode(writer, member, members[index] as BusValue));
    }
    case 'v': {
      const { signature, value: inner } = value as Variant;
      encodeText(writer, signature, 1);
      return encodeValues(writer, signature, [inner]);
    }
    case 'g':
      return encodeText(writer, value as string, 1);
    case 's':
    case 'o':
      return encodeText(writer, value as string, 4);
    default:
      return writer.put(encodeNumber(type.code, value));
  }
}

function encodeArray(writer: Writer, element: BusType, value: BusValue): void {
  const at = writer.length;
  writer.put(Buffer.alloc(4));
  // The padding before the first element does not count.
  writer.align(alignmentOf(element));
  const start = writer.length;
  if (value instanceof Uint8Array && element.code === 'y') writer.put(value);
  else for (const one of value as readonly BusValue[]) encode(writer, element, one);
  writer.patch(at, writer.length - start);
}

function encodeText(writer: Writer, text: string, lengthBytes: 1 | 4): void {
  const bytes = Buffer.from(text);
  if (bytes.includes(0)) throw new TypeError('a text with NUL cannot be sent over D-Bus');
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntLE(bytes.length, 0, lengthBytes);
  writer.put(length);
  writer.put(bytes);
  writer.put(Buffer.alloc(1));
}

const numberBytes = { y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8, h: 4 } as const;
type NumberCode = keyof typeof numberBytes;

function encodeNumber(code: NumberCode, value: BusValue): Buffer {
  const bytes = Buffer.alloc(numberBytes[code]);
  if (code === 'b') bytes.writeUInt32LE(value === true ? 1 : 0);
  else if (code === 'd') bytes.writeDoubleLE(Number(value));
  else if (code === 'x') bytes.writeBigInt64LE(BigInt(value as number));
  else if (code === 't') bytes.writeBigUInt64LE(BigInt(value as number));
  else if (code === 'n' || code === 'i') bytes.writeIntLE(Number(value), 0, numberBytes[code]);
  else bytes.writeUIntLE(Number(value), 0, numberBytes[code]);
  return bytes;
}

interface Reader {
  readonly bytes: Buffer;
  readonly little: boolean;
  at: number;
}

/** Reads values off untrusted bytes, which begin at a multiple of 8 of their message. Fails with unavailable `RUNTIME_BUS_MALFORMED`. */
export function decodeValues(signature: string, bytes: Uint8Array, little: boolean): BusValue[] {
  return decodePrefix(signature, bytes, little).values;
}

/** The same, and how many bytes they took. */
export function decodePrefix(signature: string, bytes: Uint8Array, little: boolean): { values: BusValue[]; length: number } {
  const reader: Reader = { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), little, at: 0 };
  const values = parseSignature(signature).map((type) => decode(reader, type, 0));
  return { values, length: reader.at };
}

function decode(reader: Reader, type: BusType, depth: number): BusValue {
  // Variants hold variants: only here the whole depth is known.
  if (depth > 2 * deepestNesting) throw malformed('a value is nested too deep');
  take(reader, (alignmentOf(type) - (reader.at % alignmentOf(type))) % alignmentOf(type));
  switch (type.code) {
    case 'a':
      return decodeArray(reader, type.element, depth);
    case '(':
    case '{':
      return type.members.map((member) => decode(reader, member, depth + 1));
    case 'v': {
      const signature = decodeText(reader, 1);
      const [inner, ...more] = parseSignature(signature);
      if (inner === undefined || more.length > 0) throw malformed('a variant holds not one type');
      return { signature, value: decode(reader, inner, depth + 1) };
    }
    case 'g':
      return decodeText(reader, 1);
    case 's':
    case 'o':
      return decodeText(reader, 4);
    default:
      return decodeNumber(type.code, take(reader, numberBytes[type.code]), reader.little);
  }
}

function decodeArray(reader: Reader, element: BusType, depth: number): BusValue {
  const length = decodeNumber('u', take(reader, 4), reader.little) as number;
  take(reader, (alignmentOf(element) - (reader.at % alignmentOf(element))) % alignmentOf(element));
  if (element.code === 'y') return Uint8Array.from(take(reader, length));
  const end = reader.at + length;
  if (end > reader.bytes.length) throw malformed('an array is longer than its message');
  const values: BusValue[] = [];
  while (reader.at < end) values.push(decode(reader, element, depth + 1));
  if (reader.at !== end) throw malformed('an array ends within an element');
  return values;
}

function decodeText(reader: Reader, lengthBytes: 1 | 4): string {
  const length = decodeNumber(lengthBytes === 1 ? 'y' : 'u', take(reader, lengthBytes), reader.little) as number;
  const text = take(reader, length).toString();
  if (take(reader, 1)[0] !== 0) throw malformed('a text does not end where it says');
  return text;
}

function decodeNumber(code: NumberCode, bytes: Buffer, little: boolean): number | bigint | boolean {
  const size = numberBytes[code];
  if (code === 'b') return (little ? bytes.readUInt32LE() : bytes.readUInt32BE()) !== 0;
  if (code === 'd') return little ? bytes.readDoubleLE() : bytes.readDoubleBE();
  if (code === 'x') return little ? bytes.readBigInt64LE() : bytes.readBigInt64BE();
  if (code === 't') return little ? bytes.readBigUInt64LE() : bytes.readBigUInt64BE();
  if (code === 'n' || code === 'i') return little ? bytes.readIntLE(0, size) : bytes.readIntBE(0, size);
  return little ? bytes.readUIntLE(0, size) : bytes.readUIntBE(0, size);
}

function take(reader: Reader, count: number): Buffer {
  if (reader.at + count > reader.bytes.length) throw malformed('a message is cut off');
  reader.at += count;
  return reader.bytes.subarray(reader.at - count, reader.at);
}
