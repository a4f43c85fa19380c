import { OrlopError } from '#errors';
import { headerBytes, inlineArguments, planMagic, planVersion, recordBytes } from './encode.ts';
import { opTable, type ArgumentKind, type Op, type OpShape, type Plan } from './table.ts';

/**
 * Reads what encodePlan made, for tests and for printing; whole numbers of 64 bits come back as bigint. It trusts its input to be one of ours:
 * the decoder that meets hostile bytes is bosun's.
 */
export function decodePlan(data: Uint8Array): Plan {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (
    view.length < headerBytes ||
    view.readUInt32LE(0) !== planMagic ||
    view.readUInt32LE(4) !== planVersion ||
    view.readUInt32LE(8) !== view.length
  ) {
    throw new OrlopError('invalid-argument', 'SYS_PLAN_INVALID', 'these bytes are not a plan');
  }
  const count = view.readUInt32LE(12);
  const blob = view.subarray(headerBytes + count * recordBytes);
  const names = new Map(Object.entries<OpShape>(opTable).map(([name, shape]) => [shape.code, name]));
  return Array.from({ length: count }, (_unused, index) =>
    decodeOp(view.subarray(headerBytes + index * recordBytes, headerBytes + (index + 1) * recordBytes), blob, names),
  );
}

function decodeOp(record: Buffer, blob: Buffer, names: ReadonlyMap<number, string>): Op {
  const name = names.get(record.readUInt32LE(0));
  if (name === undefined) throw new OrlopError('invalid-argument', 'SYS_PLAN_INVALID', `op code ${record.readUInt32LE(0)} is unknown`);
  const kinds = Object.entries<ArgumentKind>((opTable as Record<string, OpShape>)[name]?.args ?? {});
  const inline = kinds.length > inlineArguments ? inlineArguments - 1 : kinds.length;
  const overflow = kinds.length > inline ? record.readUInt32LE(8 + inline * 8) : 0;
  const values = kinds.map(([argument, kind], position) => {
    const [source, at] = position < inline ? [record, 8 + position * 8] : [blob, overflow + (position - inline) * 8];
    return [argument, decodeArgument(kind, source, at, blob)] as const;
  });
  return { op: name, ...Object.fromEntries(values) } as unknown as Op;
}

function decodeArgument(kind: ArgumentKind, source: Buffer, at: number, blob: Buffer): unknown {
  const low = source.readUInt32LE(at);
  const high = source.readUInt32LE(at + 4);
  switch (kind) {
    case 'u32':
    case 'slot':
      return low;
    case 'u64':
      return source.readBigUInt64LE(at);
    case 'i64':
      return source.readBigInt64LE(at);
    case 'string':
      return blob.toString('utf8', low, low + high);
    case 'strings':
      return Array.from({ length: high }, (_unused, index) => decodeArgument('string', blob, low + index * 8, blob));
    case 'bytes':
      return Uint8Array.from(blob.subarray(low, low + high));
  }
}
