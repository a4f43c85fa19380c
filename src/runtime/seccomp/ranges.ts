import type { LinuxSeccomp } from '#oci';
import { foreignVerdict, verdictOf } from './actions.ts';
import { type AbiRules, type Decision, rulesOf } from './rules.ts';
import { type Abi, x32Bit } from './syscalls/table.ts';

/** From `start` to the next range's start, all calls meet the same decision. */
export interface Range {
  readonly start: number;
  readonly decision: Decision;
  /** Equal keys mean equal decisions. */
  readonly key: string;
  /** Arguments have 64 bits. */
  readonly wide: boolean;
}

/** All numbers of one interface as ranges in rising order. `newer`: the verdict beyond the newest call that the profile names. */
export function rangesOf(profile: LinuxSeccomp, abi: Abi, wanted: boolean, newer: number | undefined): Range[] {
  const [first, last] = abi === 'x32' ? [x32Bit, 0xffff_fffe] : [0, abi === 'x86_64' ? x32Bit - 1 : 0xffff_fffe];
  const wide = abi === 'x86_64' || abi === 'aarch64';
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const range = (start: number, decision: Decision): Range => ({ start, decision, wide, key: keyOf(decision, wide) });
  const constant = (start: number, verdict: number): Range => range(start, { rules: [], otherwise: verdict });
  // -1 is what a tracer writes to skip a call: it gets the default action, never the foreign one.
  const skipped = last === 0xffff_fffe ? [constant(0xffff_ffff, otherwise)] : [];
  if (!wanted) return [constant(first, foreignVerdict), ...skipped];

  const { decisions, newest }: AbiRules = rulesOf(profile, abi);
  const ranges = [constant(first, otherwise)];
  for (const [nr, decision] of [...decisions].toSorted(([one], [other]) => one - other)) {
    ranges.push(range(nr, decision), constant(nr + 1, otherwise));
  }
  if (newer !== undefined && newest >= 0) ranges.push(constant(newest + 1, newer));
  return [...ranges, ...skipped];
}

/** Drops empty ranges and joins neighbours that decide alike. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const [index, range] of ranges.entries()) {
    const isEmpty = ranges[index + 1]?.start === range.start;
    if (!isEmpty && merged[merged.length - 1]?.key !== range.key) merged.push(range);
  }
  return merged;
}

function keyOf({ rules, otherwise }: Decision, wide: boolean): string {
  return rules.length === 0 ? String(otherwise) : JSON.stringify([rules, otherwise, wide]);
}
