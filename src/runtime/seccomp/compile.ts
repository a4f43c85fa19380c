import { OrlopError } from '#errors';
import type { LinuxSeccomp, SeccompArch, SeccompFlag } from '#oci';
import { foreignVerdict, isPermissive, newerVerdict, refusal } from './actions.ts';
import { createAssembler, maxInstructions } from './bpf.ts';
import { mergeRanges, rangesOf } from './ranges.ts';
import type { Abi } from './syscalls/table.ts';
import { writeTree } from './tree.ts';

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

interface Processor {
  readonly native: Abi;
  readonly entries: readonly Entry[];
}

const processors: Readonly<Record<string, Processor>> = {
  x64: {
    native: 'x86_64',
    entries: [
      { audit: 0xc000_003e, abis: ['x86_64', 'x32'] },
      { audit: 0x4000_0003, abis: ['x86'] },
    ],
  },
  arm64: {
    native: 'aarch64',
    entries: [
      { audit: 0xc000_00b7, abis: ['aarch64'] },
      { audit: 0x4000_0028, abis: ['arm'] },
    ],
  },
};

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
/** Where `nr` and `arch` lie in struct seccomp_data. */
const numberOffset = 0;
const archOffset = 4;
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
  // Without such a rule there is no descriptor to send: listenerPath is then passed over, as runc does.
  if (notifying.length === 0) return undefined;
  // runc's rule, and our own: the process hands the notify descriptor over by sendmsg(2), before anyone can answer.
  for (const name of ['write', 'sendmsg'])
    if (notifying.some(({ names }) => names.includes(name))) throw refusal(`SCMP_ACT_NOTIFY cannot be used for the ${name} syscall`);
  const path = profile.listenerPath;
  if (path === undefined || path === '') throw refusal('SCMP_ACT_NOTIFY needs listenerPath');
  return { path, metadata: profile.listenerMetadata ?? '' };
}

function writeFilter(profile: LinuxSeccomp, host: SeccompHost): Uint8Array {
  const { native, entries } = processorOf(host.arch);
  const wanted = new Set<Abi>([native]);
  for (const name of profile.architectures ?? []) {
    const abi = abiOfArch[name];
    if (abi !== undefined) wanted.add(abi);
  }
  const newer = host.answerNewer !== false && !isPermissive(profile.defaultAction) ? newerVerdict : undefined;
  const out = createAssembler();
  let next = out.returns(foreignVerdict);
  for (const { audit, abis } of entries.toReversed()) {
    if (!abis.some((abi) => wanted.has(abi))) continue;
    const ranges = abis.flatMap((abi) => rangesOf(profile, abi, wanted.has(abi), newer));
    const start = out.load(numberOffset, writeTree(out, mergeRanges(ranges)));
    next = out.branch('equal', audit, start, next);
  }
  out.load(archOffset, next);
  if (out.length <= maxInstructions) return out.finish();
  throw new OrlopError(
    'resource-exhausted',
    'RUNTIME_SECCOMP_TOO_LONG',
    `seccomp profile needs ${out.length} instructions, the kernel takes ${maxInstructions}`,
    { hint: 'use fewer conditions' },
  );
}

function processorOf(arch: string): Processor {
  const processor = Object.hasOwn(processors, arch) ? processors[arch] : undefined;
  if (processor !== undefined) return processor;
  throw new OrlopError('unimplemented', 'RUNTIME_SECCOMP_ARCH', `no system call table for the processor "${arch}"`, {
    hint: 'run without a seccomp profile, or on x64 or arm64',
  });
}
