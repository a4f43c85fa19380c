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
  const records = new Uint8Array(headerBytes + plan.length * recordBytes);
  const view = new DataView(records.buffer);
  const blob = createBlob();
  plan.forEach((op, index) => {
    encodeOp(op, index, slots, { view, offset: headerBytes + index * recordBytes, blob });
  });
  const data = blob.finish();
  const total = records.length + data.length;
  if (total > maximumPlanBytes) throw invalid('plan', `takes ${total} bytes, more than ${maximumPlanBytes}`);
  view.setUint32(0, planMagic, true);
  view.setUint32(4, planVersion, true);
  view.setUint32(8, total, true);
  view.setUint32(12, plan.length, true);
  const whole = new Uint8Array(total);
  whole.set(records);
  whole.set(data, records.length);
  return whole;
}

/** Where something goes. A DataView: of Buffer's methods each is compiled anew in every process that runs on Bun, and commands wait for that. */
interface Place {
  readonly view: DataView;
  readonly offset: number;
  readonly blob: Blob;
}

function encodeOp(op: Op, index: number, slots: number, { view, offset, blob }: Place): void {
  if (!Object.hasOwn(opTable, op.op)) throw invalid(`op ${index}`, `is unknown: ${op.op}`);
  const names = Object.entries<ArgumentKind>((opTable[op.op] as OpShape).args);
  const values = op as unknown as Readonly<Record<string, unknown>>;
  view.setUint32(offset, opTable[op.op].code, true);
  view.setUint32(offset + 4, names.length, true);
  const inline = names.length > inlineArguments ? inlineArguments - 1 : names.length;
  const overflow = names.length > inline ? createReferences(names.length - inline) : null;
  names.forEach(([name, kind], position) => {
    const place =
      overflow === null || position < inline
        ? { view, offset: offset + 8 + position * 8, blob }
        : { view: overflow, offset: (position - inline) * 8, blob };
    encodeArgument(kind, values[name], `${op.op}.${name} (op ${index})`, slots, place);
  });
  if (overflow !== null) writeArray({ view, offset: offset + 8 + inline * 8, blob }, overflow);
}

function encodeArgument(kind: ArgumentKind, value: unknown, where: string, slots: number, place: Place): void {
  const { view, offset, blob } = place;
  switch (kind) {
    case 'u32':
      view.setUint32(offset, checkedNumber(value, where, 0xffff_ffff), true);
      return;
    case 'slot':
      view.setUint32(offset, checkedSlot(value, where, slots), true);
      return;
    case 'u64':
      view.setBigUint64(offset, checkedBigint(value, where, 0n, largestU64), true);
      return;
    case 'i64':
      view.setBigInt64(offset, checkedBigint(value, where, smallestI64, largestI64), true);
      return;
    case 'string':
      writeText(place, value, where);
      return;
    case 'strings': {
      if (!Array.isArray(value)) throw invalid(where, 'is not a list of texts');
      const references = createReferences(value.length);
      value.forEach((text: unknown, at) => {
        writeText({ view: references, offset: at * 8, blob }, text, `${where}[${at}]`);
      });
      writeArray(place, references);
      return;
    }
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw invalid(where, 'is not bytes');
      writeReference(place, blob.array(value), value.length);
  }
}

/** An array of offsets and lengths. */
function createReferences(count: number): DataView {
  return new DataView(new ArrayBuffer(count * 8));
}

function writeArray(place: Place, references: DataView): void {
  writeReference(place, place.blob.array(new Uint8Array(references.buffer)), references.byteLength / 8);
}

function writeText(place: Place, value: unknown, where: string): void {
  if (typeof value !== 'string') throw invalid(where, 'is not a text');
  if (value.includes('\0')) throw invalid(where, 'holds a NUL character');
  const [at, length] = place.blob.text(value);
  writeReference(place, at, length);
}

function writeReference({ view, offset }: Place, at: number, length: number): void {
  view.setUint32(offset, at, true);
  view.setUint32(offset + 4, length, true);
}

const largestU64 = 2n ** 64n - 1n;
const smallestI64 = -(2n ** 63n);
const largestI64 = 2n ** 63n - 1n;

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
