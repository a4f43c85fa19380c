import type { LinuxSeccomp, LinuxSyscall, SeccompArch, SeccompArg } from '#oci';
import { appCalls, callsOfCapability, callsOfProcessor } from './app-calls.ts';

const EPERM = 1;
const ENOSYS = 38;

/**
 * Families that socket(2) may make. Missing are those that reach beyond the container's network namespace or whose code nobody needs in a
 * container: DECnet 12, Econet 19, ATM SVC 20, IrDA 23, WAN router 25, ISDN 34, CAIF 37, kernel crypto 38, vsock 40. They are listed one by one
 * because the kernel looks at 32 bits and a filter at 64: "anything but 40" would let 40 + 2^32 through.
 */
const highestPlainFamily = 11;
const socketFamilies = [13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45];

/** personality(2): PER_LINUX, PER_LINUX32, both with UNAME26, and the question what it is. */
const personalities = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET, as in clone(2). */
const namespaceFlags = 0x7e02_0000;

const architectures: Readonly<Record<string, readonly SeccompArch[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** The host's own interface and those of its older programs. */
export function architecturesOf(arch: string): readonly SeccompArch[] {
  return architectures[arch] ?? [];
}

/**
 * The profile of app containers: an allow-list with the meaning of Docker's default one, EPERM for the rest. `capabilities` is the
 * container's bounding set ("CAP_SYS_ADMIN"), which opens further calls; `arch` is Node's name of the processor.
 */
export function defaultProfile(capabilities: Iterable<string>, arch: string): LinuxSeccomp {
  const held = new Set(capabilities);
  const names = [
    ...Object.values(appCalls),
    callsOfProcessor[arch] ?? '',
    ...Object.entries(callsOfCapability).flatMap(([capability, calls]) => (held.has(capability) ? [calls] : [])),
  ].flatMap((calls) => calls.split(/\s+/).filter((name) => name !== ''));
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: architecturesOf(arch),
    syscalls: [
      { names: [...new Set(names)], action: 'SCMP_ACT_ALLOW' },
      allowWhen('socket', { op: 'SCMP_CMP_LE', value: highestPlainFamily }),
      ...socketFamilies.map((value) => allowWhen('socket', { op: 'SCMP_CMP_EQ', value })),
      ...personalities.map((value) => allowWhen('personality', { op: 'SCMP_CMP_EQ', value })),
      ...(held.has('CAP_SYS_ADMIN') ? [] : withoutNamespaces()),
    ],
  };
}

/**
 * New namespaces are for those who hold CAP_SYS_ADMIN. clone3(2) keeps its flags in memory, out of a filter's sight, so it does not exist:
 * C libraries then use clone(2).
 */
function withoutNamespaces(): LinuxSyscall[] {
  return [
    allowWhen('clone', { op: 'SCMP_CMP_MASKED_EQ', value: namespaceFlags, valueTwo: 0 }),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ];
}

function allowWhen(name: string, condition: Omit<SeccompArg, 'index'>): LinuxSyscall {
  return { names: [name], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, ...condition }] };
}
