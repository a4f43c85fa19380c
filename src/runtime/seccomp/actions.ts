import { OrlopError } from '#errors';
import type { SeccompAction } from '#oci';

/** SECCOMP_RET_* of linux/seccomp.h. KILL is KILL_THREAD, as in libseccomp. */
const verdicts: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0x0000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
};

/** What a call gets that comes from an interface the filter does not know (libseccomp's SCMP_FLTATR_ACT_BADARCH default). */
export const foreignVerdict = verdicts.SCMP_ACT_KILL_THREAD;

const EPERM = 1;
const ENOSYS = 38;

/** The verdict for a call that is newer than the profile. */
export const newerVerdict = (verdicts.SCMP_ACT_ERRNO | ENOSYS) >>> 0;

/**
 * The filter's return value for an action. `errnoRet` belongs to ERRNO and TRACE only (EPERM when missing); with any other action
 * it fails with invalid-argument, as config-linux asks.
 */
export function verdictOf(action: SeccompAction, errnoRet: number | undefined): number {
  const verdict = verdicts[action];
  if (action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE') {
    const data = errnoRet ?? EPERM;
    if (data > 0xffff) throw refusal(`errnoRet ${data} does not fit in 16 bits`);
    return (verdict | data) >>> 0;
  }
  if (errnoRet !== undefined) throw refusal(`${action} takes no errnoRet`);
  return verdict;
}

/** True when verdict `one` leaves a process less freedom than `other`: the kernel's own order (seccomp(2), signed comparison). */
export function isStricter(one: number, other: number): boolean {
  return ((one & 0xffff_0000) | 0) < ((other & 0xffff_0000) | 0);
}

/** Actions under which an unknown call already reaches the kernel or a tracer, which answers ENOSYS itself. */
export function isPermissive(action: SeccompAction): boolean {
  return action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_TRACE';
}

export function refusal(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_BAD_SECCOMP', `seccomp profile: ${message}`);
}
