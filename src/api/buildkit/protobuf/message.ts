import { badMessage, createWireReader, createWireWriter, type Varint, type WireReader, type WireType, type WireWriter } from './wire.ts';

/** A type of values that one field can have. What is equal to `absent` is not written, and is what a missing field means (proto3). */
export interface ValueType<Value> {
  readonly wire: WireType;
  readonly absent: Value;
  write(to: WireWriter, value: Value): void;
  read(from: WireReader): Value;
}

/** One field of a message: how it is written, and what it is until it has been read. */
export interface Field<Value> {
  readonly number: number;
  readonly wire: WireType;
  initial(): Value;
  write(to: WireWriter, value: Value): void;
  /** The value after one more occurrence. */
  read(from: WireReader, before: Value): Value;
}

type Shape = Readonly<Record<string, Field<unknown>>>;
type ValueOf<Of> = Of extends Field<infer Value> ? Value : never;

/** The messages of a type. Whoever writes one leaves out what it does not say. */
export type Message<Of> = Of extends MessageType<infer Fields> ? { readonly [Name in keyof Fields]: ValueOf<Fields[Name]> } : never;
type Values<Fields> = { readonly [Name in keyof Fields]: ValueOf<Fields[Name]> };

export interface MessageType<Fields> {
  encode(message: Partial<Values<Fields>>): Uint8Array;
  /** Unknown fields are passed over, as newer clients have some. invalid-argument `BUILDKIT_BAD_MESSAGE`. */
  decode(data: Uint8Array): Values<Fields>;
}

export const text: ValueType<string> = {
  wire: 2,
  absent: '',
  write: (to, value) => to.bytes(Buffer.from(value, 'utf8')),
  read: (from) => Buffer.from(from.bytes()).toString('utf8'),
};

export const bytes: ValueType<Uint8Array> = {
  wire: 2,
  absent: new Uint8Array(0),
  write: (to, value) => to.bytes(value),
  read: (from) => from.bytes(),
};

export const flag: ValueType<boolean> = {
  wire: 0,
  absent: false,
  write: (to, value) => to.varint(value ? 1 : 0),
  read: (from) => Number(from.varint()) !== 0,
};

const signed = (value: Varint): bigint => BigInt.asIntN(64, BigInt(value));

/** int32, int64, uint32 and enums, as far as a number is exact; what is beyond is no size of ours. */
export const integer: ValueType<number> = {
  wire: 0,
  absent: 0,
  write: (to, value) => to.varint(BigInt(Math.trunc(value))),
  read(from) {
    const value = Number(signed(from.varint()));
    if (!Number.isSafeInteger(value)) throw badMessage('a number is too large');
    return value;
  },
};

/** int64 for what needs all of it: times in ns. */
export const long: ValueType<bigint> = {
  wire: 0,
  absent: 0n,
  write: (to, value) => to.varint(value),
  read: (from) => signed(from.varint()),
};

export function one<Value>(number: number, type: ValueType<Value>): Field<Value> {
  return {
    number,
    wire: type.wire,
    initial: () => type.absent,
    write(to, value) {
      if (value === type.absent || (value instanceof Uint8Array && value.length === 0)) return;
      to.tag(number, type.wire);
      type.write(to, value);
    },
    read: (from) => type.read(from),
  };
}

/** A message inside; undefined: it is not there. */
export function inner<Fields>(number: number, type: MessageType<Fields>): Field<Values<Fields> | undefined> {
  return {
    number,
    wire: 2,
    initial: () => undefined,
    write(to, value) {
      if (value === undefined) return;
      to.tag(number, 2);
      to.bytes(type.encode(value));
    },
    read: (from) => type.decode(from.bytes()),
  };
}

/** As many as are bounded by the message that they are in. */
export function many<Value>(number: number, type: ValueType<Value>): Field<readonly Value[]> {
  return {
    number,
    wire: type.wire,
    initial: () => [],
    write(to, values) {
      for (const value of values) {
        to.tag(number, type.wire);
        type.write(to, value);
      }
    },
    read: (from, before) => push(before, type.read(from)),
  };
}

function push<Value>(before: readonly Value[], value: Value): readonly Value[] {
  // The list is of the message that is being read, and nobody else has seen it.
  (before as Value[]).push(value);
  return before;
}

/** Messages as values of `many` and `mapOf`. */
export function nested<Fields>(type: MessageType<Fields>): ValueType<Partial<Values<Fields>>> {
  return { wire: 2, absent: {}, write: (to, value) => to.bytes(type.encode(value)), read: (from) => type.decode(from.bytes()) };
}

/** A map from texts. */
export function mapOf<Value>(number: number, type: ValueType<Value>): Field<Readonly<Record<string, Value>>> {
  const entry = message({ key: one(1, text), value: one(2, type) });
  return {
    number,
    wire: 2,
    initial: () => Object.create(null) as Record<string, Value>,
    write(to, values) {
      for (const [key, value] of Object.entries(values)) {
        to.tag(number, 2);
        to.bytes(entry.encode({ key, value }));
      }
    },
    read(from, before) {
      const { key, value } = entry.decode(from.bytes());
      (before as Record<string, Value>)[key] = value;
      return before;
    },
  };
}

/** A type of messages by its fields. Fields are written in the order in which they are given here. */
export function message<Fields extends Shape>(fields: Fields): MessageType<Fields> {
  const entries = Object.entries(fields);
  const byNumber = new Map(entries.map(([name, field]) => [field.number, { name, field }]));
  return {
    encode(values) {
      const to = createWireWriter();
      for (const [name, field] of entries) {
        const value = (values as Record<string, unknown>)[name];
        if (value !== undefined) field.write(to, value);
      }
      return to.finish();
    },
    decode(data) {
      const values: Record<string, unknown> = {};
      for (const [name, field] of entries) values[name] = field.initial();
      const from = createWireReader(data);
      while (!from.atEnd()) {
        const { number, wire } = from.tag();
        const known = byNumber.get(number);
        if (known === undefined || known.field.wire !== wire) from.skip(wire);
        else values[known.name] = known.field.read(from, values[known.name]);
      }
      return values as Values<Fields>;
    },
  };
}
