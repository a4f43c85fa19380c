import { OrlopError } from '#errors';
import { parseSeccomp, type LinuxSeccomp } from '#oci';
import { defaultProfile, systemProfile, type CompiledSeccomp, type SeccompCache } from '#runtime';
import type { ContainerRecord } from '../container/record.ts';

/** The system-call filter of a container, compiled: its kind's default, its own, or none. */
export function seccompFilter(record: ContainerRecord, capabilities: readonly string[], cache: SeccompCache): CompiledSeccomp | null {
  const profile = seccompProfile(record, capabilities);
  return profile === null ? null : cache.get(profile, { arch: process.arch });
}

function seccompProfile(record: ContainerRecord, capabilities: readonly string[]): LinuxSeccomp | null {
  const { seccompProfile: asked = 'default', privileged } = record.request;
  if (asked === 'unconfined') return null;
  if (asked !== 'default') return parseOwnProfile(asked);
  if (privileged === true) return null;
  return record.kind === 'system' ? systemProfile(process.arch) : defaultProfile(capabilities, process.arch);
}

/** A profile as runtime-spec config-linux "Seccomp" has it. */
export function parseOwnProfile(text: string): LinuxSeccomp {
  try {
    return parseSeccomp(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlopError('invalid-argument', 'ENGINE_SECCOMP_INVALID', `the seccomp profile cannot be used: ${why}`, {
      hint: 'give a profile in the OCI runtime format, without the includes and excludes of other formats',
      cause,
    });
  }
}
