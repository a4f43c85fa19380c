import { OrlopError } from '#errors';
import { parseSeccomp, type LinuxSeccomp } from '#oci';
import { defaultProfile, systemProfile, type CompiledSeccomp, type SeccompCache } from '#runtime';
import { kernelRelease } from '#sys';
import type { ContainerRecord } from '../container/record.ts';
import { fromDockerProfile, type ProfileFacts } from './docker-seccomp.ts';

/** The system-call filter of a container, compiled: its kind's default, its own, or none. */
export function seccompFilter(record: ContainerRecord, capabilities: readonly string[], cache: SeccompCache): CompiledSeccomp | null {
  const { seccompProfile: asked = 'default', privileged } = record.request;
  const host = { arch: process.arch };
  if (asked === 'unconfined') return null;
  if (asked !== 'default') return cache.get(parseOwnProfile(asked, { capabilities, arch: host.arch, kernel: kernelRelease() }), host);
  if (privileged === true) return null;
  if (record.kind === 'system') return cache.named('system', () => systemProfile(host.arch), host);
  return cache.named(`app ${capabilities.join()}`, () => defaultProfile(capabilities, host.arch), host);
}

/** A profile in Docker's format, or as runtime-spec config-linux "Seccomp" has it. */
export function parseOwnProfile(text: string, facts: ProfileFacts): LinuxSeccomp {
  try {
    return parseSeccomp(fromDockerProfile(JSON.parse(text), facts));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlopError('invalid-argument', 'ENGINE_SECCOMP_INVALID', `the seccomp profile cannot be used: ${why}`, {
      hint: "give a profile in Docker's format or in that of the OCI runtime specification",
      cause,
    });
  }
}
