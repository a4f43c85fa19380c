import { OrlopError } from '#errors';

/** A number as it is on the wire; what is longer than 53 bits is a bigint. */
export type Varint = number | bigint;

/** Wire types of fields: varint, eight bytes, length-delimited, four bytes (protobuf.dev, "Encoding"). Groups are nobody's any more. */
export type WireType = 0 | 1 | 2 | 5;

/** Reads what protobuf is made of, and nothing beyond the end: invalid-argument `BUILDKIT_BAD_MESSAGE`. */
export interface WireReader {
  readonly atEnd: () => boolean;
  readonly tag: () => { readonly number: number; readonly wire: WireType };
  readonly varint: () => Varint;
  readonly bytes: () => Uint8Array;
  readonly skip: (wire: WireType) => void;
}

export function createWireReader(data: Uint8Array): WireReader {
  let at = 0;
  const varint = (): Varint => {
    let value = 0;
    // Five groups of seven bits fit a number without a thought; ten are the most that there may be.
    for (let group = 0; group < 5; group++) {
      const byte = next();
      value += (byte & 0x7f) * 2 ** (7 * group);
      if (byte < 0x80) return value;
    }
    let long = BigInt(value);
    for (let group = 5; group < 10; group++) {
      const byte = next();
      long |= BigInt(byte & 0x7f) << BigInt(7 * group);
      if (byte < 0x80) return BigInt.asUintN(64, long);
    }
    throw badMessage('a number is too long');
  };
  const next = (): number => {
    const byte = data[at++];
    if (byte === undefined) throw badMessage('it ends too early');
    return byte;
  };
  const take = (length: number): Uint8Array => {
    if (length > data.length - at) throw badMessage('it ends too early');
    at += length;
    return data.subarray(at - length, at);
  };
  const bytes = (): Uint8Array => take(Number(varint()));
  return {
    atEnd: () => at >= data.length,
    tag() {
      const tag = Number(varint());
      const [number, wire] = [Math.floor(tag / 8), tag % 8];
      if (number === 0 || (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5)) throw badMessage('a field is of no known type');
      return { number, wire };
    },
    varint,
    bytes,
    skip(wire) {
      if (wire === 0) varint();
      else if (wire === 2) bytes();
      else take(wire === 1 ? 8 : 4);
    },
  };
}

/** Gathers a message. */
export interface WireWriter {
  readonly tag: (number: number, wire: WireType) => void;
  readonly varint: (value: Varint) => void;
  readonly bytes: (value: Uint8Array) => void;
  readonly finish: () => Uint8Array;
}

export function createWireWriter(): WireWriter {
  const parts: Uint8Array[] = [];
  let small: number[] = [];
  const flush = (): void => {
    if (small.length > 0) parts.push(Uint8Array.from(small));
    small = [];
  };
  const varint = (value: Varint): void => {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) small.push(Number(rest & 0x7fn) | 0x80);
    small.push(Number(rest));
  };
  return {
    varint,
    tag: (number, wire) => varint(number * 8 + wire),
    bytes(value) {
      varint(value.length);
      flush();
      parts.push(value);
    },
    finish() {
      flush();
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    },
  };
}

export function badMessage(why: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILDKIT_BAD_MESSAGE', `a message is no protobuf: ${why}`);
}
