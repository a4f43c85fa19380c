import type { SeccompArg, SeccompOperator } from '#oci';
import { refusal } from './actions.ts';
import type { Assembler, Label } from './bpf.ts';

/** A comparison of one argument, its operands split in 32-bit words because classic BPF has no wider. */
export interface Condition {
  readonly index: number;
  readonly operator: SeccompOperator;
  readonly high: number;
  readonly low: number;
  readonly maskHigh: number;
  readonly maskLow: number;
}

const allBits = 0xffff_ffff;

/**
 * Checks and splits one `args` entry. With MASKED_EQ, `value` is the mask and `valueTwo` what must remain. A JavaScript number that is
 * not exact is refused: such values come as bigint.
 */
export function parseCondition(arg: SeccompArg): Condition {
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5) throw refusal(`argument index ${arg.index} is not 0 to 5`);
  const masked = arg.op === 'SCMP_CMP_MASKED_EQ';
  const wanted = uint64(masked ? (arg.valueTwo ?? 0) : arg.value);
  const mask = masked ? uint64(arg.value) : uint64(0xffff_ffff_ffff_ffffn);
  return {
    index: arg.index,
    operator: arg.op,
    high: Number(wanted >> 32n),
    low: Number(wanted & 0xffff_ffffn),
    maskHigh: Number(mask >> 32n),
    maskLow: Number(mask & 0xffff_ffffn),
  };
}

function uint64(value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw refusal(`argument value ${value} is not an exact integer`);
  const wide = BigInt(value);
  if (wide < 0n || wide >> 64n !== 0n) throw refusal(`argument value ${wide} does not fit in 64 bits`);
  return wide;
}

/** Where argument `index` lies in `struct seccomp_data`, little endian. */
const lowWord = (index: number): number => 16 + index * 8;

/**
 * Writes the comparison; returns where it starts. Interfaces of 32 bits compare the low word only, as libseccomp does: the kernel's
 * entry drops the rest (on x32, where it does not, the calls worth comparing take 32-bit arguments).
 */
export function writeCondition(out: Assembler, condition: Condition, wide: boolean, yes: Label, no: Label): Label {
  switch (condition.operator) {
    case 'SCMP_CMP_EQ':
    case 'SCMP_CMP_MASKED_EQ':
      return writeEqual(out, condition, wide, yes, no);
    case 'SCMP_CMP_NE':
      return writeEqual(out, condition, wide, no, yes);
    case 'SCMP_CMP_GT':
      return writeOrder(out, condition, wide, 'greater', yes, no);
    case 'SCMP_CMP_GE':
      return writeOrder(out, condition, wide, 'greaterOrEqual', yes, no);
    case 'SCMP_CMP_LT':
      return writeOrder(out, condition, wide, 'greaterOrEqual', no, yes);
    case 'SCMP_CMP_LE':
      return writeOrder(out, condition, wide, 'greater', no, yes);
  }
}

function writeEqual(out: Assembler, condition: Condition, wide: boolean, yes: Label, no: Label): Label {
  const { index, high, low, maskHigh, maskLow } = condition;
  const checkLow = writeWord(out, lowWord(index), maskLow, low, yes, no);
  const trivial = maskHigh === 0 && high === 0;
  return wide && !trivial ? writeWord(out, lowWord(index) + 4, maskHigh, high, checkLow, no) : checkLow;
}

function writeWord(out: Assembler, offset: number, mask: number, wanted: number, yes: Label, no: Label): Label {
  const compare = out.branch('equal', wanted, yes, no);
  return out.load(offset, mask === allBits ? compare : out.and(mask, compare));
}

function writeOrder(
  out: Assembler,
  { index, high, low }: Condition,
  wide: boolean,
  test: 'greater' | 'greaterOrEqual',
  yes: Label,
  no: Label,
): Label {
  const checkLow = out.load(lowWord(index), out.branch(test, low, yes, no));
  if (!wide) return checkLow;
  const equalHigh = out.branch('equal', high, checkLow, no);
  return out.load(lowWord(index) + 4, out.branch('greater', high, yes, equalHigh));
}
