import { OrlopError } from '#errors';
import { createBlob, type Blob } from './blob.ts';
import { noSlot, opTable, type ArgumentKind, type Op, type OpShape, type Plan } from './table.ts';

export const planMagic = 0x50_4c_52_4f; // "ORLP", little endian
export const planVersion = 1;
export const headerBytes = 16;
export const recordBytes = 64;
/** Arguments that a record holds itself; a shape with more keeps the last of these for the reference to an overflow array. */
export const inlineArguments = 7;
export const maximumOps = 32_768;
export const maximumPlanBytes = 8 * 1024 * 1024;
/** Descriptors that can travel with one plan (the kernel's SCM_MAX_FD, 253, less what bosun adds of its own). */
export const maximumSlots = 240;

/**
 * Encodes a plan in the format of native/README.md. `slots` is how many descriptors will travel with it.
 *
 * Fails with `invalid-argument`, naming op and argument, for a text with a NUL, a number out of range, a slot that will not be there, or a plan too large.
 */
export function encodePlan(plan: Plan, slots = 0): Uint8Array {
  if (plan.length === 0 || plan.length > maximumOps) throw invalid('plan', `holds ${plan.length} ops, not 1 to ${maximumOps}`);
  if (slots > maximumSlots) throw invalid('plan', `comes with ${slots} descriptors, more than ${maximumSlots}`);
  const records = Buffer.alloc(headerBytes + plan.length * recordBytes);
  const blob = createBlob();
  plan.forEach((op, index) => {
    encodeOp(op, index, slots, records.subarray(headerBytes + index * recordBytes), blob);
  });
  const data = blob.finish();
  const total = records.length + data.length;
  if (total > maximumPlanBytes) throw invalid('plan', `takes ${total} bytes, more than ${maximumPlanBytes}`);
  records.writeUInt32LE(planMagic, 0);
  records.writeUInt32LE(planVersion, 4);
  records.writeUInt32LE(total, 8);
  records.writeUInt32LE(plan.length, 12);
  return Buffer.concat([records, data], total);
}

function encodeOp(op: Op, index: number, slots: number, record: Buffer, blob: Blob): void {
  if (!Object.hasOwn(opTable, op.op)) throw invalid(`op ${index}`, `is unknown: ${op.op}`);
  const names = Object.entries<ArgumentKind>((opTable[op.op] as OpShape).args);
  const values = op as unknown as Readonly<Record<string, unknown>>;
  record.writeUInt32LE(opTable[op.op].code, 0);
  record.writeUInt32LE(names.length, 4);
  const inline = names.length > inlineArguments ? inlineArguments - 1 : names.length;
  const overflow = Buffer.alloc((names.length - inline) * 8);
  names.forEach(([name, kind], position) => {
    const [target, offset] = position < inline ? [record, 8 + position * 8] : [overflow, (position - inline) * 8];
    encodeArgument(kind, values[name], `${op.op}.${name} (op ${index})`, slots, { target, offset, blob });
  });
  if (overflow.length > 0) writeReference(record, 8 + inline * 8, blob.array(overflow), names.length - inline);
}

interface Place {
  readonly target: Buffer;
  readonly offset: number;
  readonly blob: Blob;
}

function encodeArgument(kind: ArgumentKind, value: unknown, where: string, slots: number, place: Place): void {
  const { target, offset, blob } = place;
  switch (kind) {
    case 'u32':
      target.writeUInt32LE(checkedNumber(value, where, 0xffff_ffff), offset);
      return;
    case 'slot':
      target.writeUInt32LE(checkedSlot(value, where, slots), offset);
      return;
    case 'u64':
      target.writeBigUInt64LE(checkedBigint(value, where, 0n, 2n ** 64n - 1n), offset);
      return;
    case 'i64':
      target.writeBigInt64LE(checkedBigint(value, where, -(2n ** 63n), 2n ** 63n - 1n), offset);
      return;
    case 'string':
      writeText(target, offset, value, where, blob);
      return;
    case 'strings': {
      if (!Array.isArray(value)) throw invalid(where, 'is not a list of texts');
      const references = Buffer.alloc(value.length * 8);
      value.forEach((text: unknown, at) => {
        writeText(references, at * 8, text, `${where}[${at}]`, blob);
      });
      writeReference(target, offset, blob.array(references), value.length);
      return;
    }
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw invalid(where, 'is not bytes');
      writeReference(target, offset, blob.array(value), value.length);
  }
}

function writeText(target: Buffer, offset: number, value: unknown, where: string, blob: Blob): void {
  if (typeof value !== 'string') throw invalid(where, 'is not a text');
  if (value.includes('\0')) throw invalid(where, 'holds a NUL character');
  const [at, length] = blob.text(value);
  writeReference(target, offset, at, length);
}

function writeReference(target: Buffer, offset: number, at: number, length: number): void {
  target.writeUInt32LE(at, offset);
  target.writeUInt32LE(length, offset + 4);
}

function checkedNumber(value: unknown, where: string, maximum: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > maximum) {
    throw invalid(where, `is not an integer from 0 to ${maximum}: ${String(value)}`);
  }
  return value;
}

function checkedSlot(value: unknown, where: string, slots: number): number {
  const slot = checkedNumber(value, where, noSlot);
  if (slot !== noSlot && slot >= slots) throw invalid(where, `is slot ${slot} of ${slots}`);
  return slot;
}

function checkedBigint(value: unknown, where: string, minimum: bigint, maximum: bigint): bigint {
  const whole = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined;
  if (whole === undefined || whole < minimum || whole > maximum)
    throw invalid(where, `is not an integer from ${minimum} to ${maximum}: ${String(value)}`);
  return whole;
}

function invalid(what: string, problem: string): OrlopError {
  return new OrlopError('invalid-argument', 'SYS_PLAN_INVALID', `${what} ${problem}`);
}
