import { OrlopError } from '#errors';
import type { LinuxSeccomp, SeccompArch, SeccompFlag } from '#oci';
import { foreignVerdict, isPermissive, newerVerdict, refusal, verdictOf } from './actions.ts';
import { type Assembler, createAssembler, type Label, maxInstructions } from './bpf.ts';
import { writeCondition } from './conditions.ts';
import { type AbiRules, type Decision, rulesOf } from './rules.ts';
import { type Abi, x32Bit } from './syscalls/table.ts';

export interface SeccompHost {
  /** The kernel's native interface, as Node names it: `process.arch`. */
  readonly arch: string;
  /**
   * Answer ENOSYS to calls newer than the newest that the profile names, as runc does, so that a C library falls back to an older call
   * instead of taking EPERM for an answer. On unless false; without effect when the profile's default action is permissive.
   */
  readonly answerNewer?: boolean;
}

export interface SeccompListener {
  readonly path: string;
  readonly metadata: string;
}

export interface CompiledSeccomp {
  /** `struct sock_filter[]`, little endian. */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_*, for seccomp(2). */
  readonly flags: number;
  /** Where the notify descriptor goes; present when a rule asks for NOTIFY. Its flag is already in `flags`. */
  readonly listener?: SeccompListener;
}

/** An entry of the kernel: one AUDIT_ARCH_* value, which x86_64 and x32 share. */
interface Entry {
  readonly audit: number;
  readonly abis: readonly Abi[];
}

const entries = {
  x64: [
    { audit: 0xc000_003e, abis: ['x86_64', 'x32'] },
    { audit: 0x4000_0003, abis: ['x86'] },
  ],
  arm64: [
    { audit: 0xc000_00b7, abis: ['aarch64'] },
    { audit: 0x4000_0028, abis: ['arm'] },
  ],
} as const satisfies Record<string, readonly Entry[]>;

const abiOfArch: Partial<Record<SeccompArch, Abi>> = {
  SCMP_ARCH_X86_64: 'x86_64',
  SCMP_ARCH_X86: 'x86',
  SCMP_ARCH_X32: 'x32',
  SCMP_ARCH_AARCH64: 'aarch64',
  SCMP_ARCH_ARM: 'arm',
};

const flagBits: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};
const newListenerFlag = 8;
const tsyncEsrchFlag = 16;

/**
 * Compiles an OCI seccomp profile to a classic BPF filter. The native interface is always covered, the profile's further `architectures`
 * where this host has them; calls of any other are killed. Fails with invalid-argument `RUNTIME_BAD_SECCOMP`, unimplemented
 * `RUNTIME_SECCOMP_ARCH` on a processor without tables, resource-exhausted `RUNTIME_SECCOMP_TOO_LONG` beyond the kernel's 4,096 instructions.
 */
export function compileSeccomp(profile: LinuxSeccomp, host: SeccompHost): CompiledSeccomp {
  const listener = listenerOf(profile);
  const filter = writeFilter(profile, host);
  const flags = flagsOf(profile.flags) | (listener === undefined ? 0 : newListenerFlag);
  // seccomp(2): TSYNC and NEW_LISTENER both want the return value, so they go together only with TSYNC_ESRCH.
  const both = (flags & newListenerFlag) !== 0 && (flags & flagBits.SECCOMP_FILTER_FLAG_TSYNC) !== 0;
  return { filter, flags: both ? flags | tsyncEsrchFlag : flags, ...(listener === undefined ? {} : { listener }) };
}

/** Without `flags` in the profile, SPEC_ALLOW, as runc: the mitigation slows every process and guards none from others. */
function flagsOf(flags: readonly SeccompFlag[] | undefined): number {
  return (flags ?? ['SECCOMP_FILTER_FLAG_SPEC_ALLOW']).reduce((bits, flag) => {
    const bit = flagBits[flag];
    if (bit === undefined) throw refusal(`unknown flag ${flag}`);
    return bits | bit;
  }, 0);
}

function listenerOf(profile: LinuxSeccomp): SeccompListener | undefined {
  if (profile.defaultAction === 'SCMP_ACT_NOTIFY') throw refusal('SCMP_ACT_NOTIFY cannot be the default action');
  const notifying = (profile.syscalls ?? []).filter(({ action }) => action === 'SCMP_ACT_NOTIFY');
  // The process must be able to hand the notify descriptor over before anyone listens on it.
  if (notifying.some(({ names }) => names.includes('write'))) throw refusal('SCMP_ACT_NOTIFY cannot be used for write');
  const path = profile.listenerPath;
  if (notifying.length === 0) {
    if (path !== undefined && path !== '') throw refusal('listenerPath is given but no rule uses SCMP_ACT_NOTIFY');
    return undefined;
  }
  if (path === undefined || path === '') throw refusal('SCMP_ACT_NOTIFY needs listenerPath');
  return { path, metadata: profile.listenerMetadata ?? '' };
}

function writeFilter(profile: LinuxSeccomp, host: SeccompHost): Uint8Array {
  const known: readonly Entry[] | undefined = Object.hasOwn(entries, host.arch) ? entries[host.arch as keyof typeof entries] : undefined;
  if (known === undefined) {
    throw new OrlopError('unimplemented', 'RUNTIME_SECCOMP_ARCH', `no system call table for the processor "${host.arch}"`, {
      hint: 'run without a seccomp profile, or on x64 or arm64',
    });
  }
  const wanted = new Set<Abi>([known[0]?.abis[0] as Abi]);
  for (const name of profile.architectures ?? []) {
    const abi = abiOfArch[name];
    if (abi !== undefined) wanted.add(abi);
  }
  const newer = host.answerNewer !== false && !isPermissive(profile.defaultAction) ? newerVerdict : undefined;
  const out = createAssembler();
  let next = out.returns(foreignVerdict);
  for (const { audit, abis } of known.toReversed()) {
    if (!abis.some((abi) => wanted.has(abi))) continue;
    const ranges = abis.flatMap((abi) => rangesOf(profile, abi, wanted.has(abi), newer));
    const start = out.load(0, writeTree(out, mergeRanges(ranges)));
    next = out.branch('equal', audit, start, next);
  }
  out.load(4, next);
  if (out.length <= maxInstructions) return out.finish();
  throw new OrlopError(
    'resource-exhausted',
    'RUNTIME_SECCOMP_TOO_LONG',
    `seccomp profile needs ${out.length} instructions, at most 4096 fit`,
    {
      hint: 'use fewer conditions',
    },
  );
}

/** From `start` to the next range's start, all calls meet the same decision. */
interface Range {
  readonly start: number;
  readonly decision: Decision;
  /** Equal keys mean equal decisions. */
  readonly key: string;
  readonly wide: boolean;
}

function rangesOf(profile: LinuxSeccomp, abi: Abi, wanted: boolean, newer: number | undefined): Range[] {
  const [first, last] = abi === 'x32' ? [x32Bit, 0xffff_fffe] : [0, abi === 'x86_64' ? x32Bit - 1 : 0xffff_fffe];
  const wide = abi === 'x86_64' || abi === 'aarch64';
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const range = (start: number, decision: Decision): Range => ({ start, decision, wide, key: `${wide}${JSON.stringify(decision)}` });
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
function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges) {
    if (merged.at(-1)?.start === range.start) merged.pop();
    if (merged.at(-1)?.key !== range.key) merged.push(range);
  }
  return merged;
}

/** A binary search over the ranges with the call's number in the accumulator. Decisions that occur twice are written once. */
function writeTree(out: Assembler, ranges: readonly Range[]): Label {
  const written = new Map<string, Label>();
  const leaf = (range: Range): Label => {
    if (range.decision.rules.length === 0) return out.returns(range.decision.otherwise);
    const label = written.get(range.key) ?? writeDecision(out, range);
    written.set(range.key, label);
    return label;
  };
  const tree = (from: number, to: number): Label => {
    const middle = (from + to) >> 1;
    const [here, before, after] = [ranges[middle], ranges[middle - 1], ranges[middle + 1]];
    if (here === undefined) throw new RangeError('no ranges');
    if (to - from === 1) return leaf(here);
    const isHole = to - from === 3 && before?.key === after?.key && after?.start === here.start + 1;
    if (isHole && before !== undefined) return out.branch('equal', here.start, leaf(here), leaf(before));
    const above = tree(middle, to);
    return out.branch('greaterOrEqual', here.start, above, tree(from, middle));
  };
  return tree(0, ranges.length);
}

function writeDecision(out: Assembler, { decision, wide }: Range): Label {
  let next = out.returns(decision.otherwise);
  for (const { conditions, verdict } of decision.rules.toReversed()) {
    let start = out.returns(verdict);
    for (const condition of conditions.toReversed()) start = writeCondition(out, condition, wide, start, next);
    next = start;
  }
  return next;
}
