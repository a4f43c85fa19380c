import { OrlopError } from '#errors';
import { parseSeccomp, type LinuxSeccomp } from '#oci';
import { defaultProfile, systemProfile, type CompiledSeccomp, type SeccompCache } from '#runtime';
import type { ContainerRecord } from '../container/record.ts';

/** The system-call filter of a container, compiled: its kind's default, its own, or none. */
export function seccompFilter(record: ContainerRecord, capabilities: readonly string[], cache: SeccompCache): CompiledSeccomp | null {
  const { seccompProfile: asked = 'default', privileged } = record.request;
  const host = { arch: process.arch };
  if (asked === 'unconfined') return null;
  if (asked !== 'default') return cache.get(parseOwnProfile(asked), host);
  if (privileged === true) return null;
  if (record.kind === 'system') return cache.named('system', () => systemProfile(host.arch), host);
  return cache.named(`app ${capabilities.join()}`, () => defaultProfile(capabilities, host.arch), host);
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
