import { createHash } from 'node:crypto';
import type { LinuxSeccomp } from '#oci';
import { type CompiledSeccomp, compileSeccomp, type SeccompHost } from './compile.ts';

export interface SeccompCache {
  /** `compileSeccomp`, remembered by the digest of profile and host. */
  get(profile: LinuxSeccomp, host: SeccompHost): CompiledSeccomp;
  /** For a profile that is always the same under its name: made and compiled only when it is not remembered. */
  named(name: string, make: () => LinuxSeccomp, host: SeccompHost): CompiledSeccomp;
}

/** Keeps the `capacity` filters used last. Profiles are compared by content, so equal ones from different callers share a filter. */
export function createSeccompCache(capacity = 64): SeccompCache {
  const filters = new Map<string, CompiledSeccomp>();
  const remember = (key: string, compile: () => CompiledSeccomp): CompiledSeccomp => {
    const compiled = filters.get(key) ?? compile();
    // A Map keeps the order of insertion: the one used last goes to the end, the first is the oldest.
    filters.delete(key);
    filters.set(key, compiled);
    const oldest = filters.size > capacity ? filters.keys().next().value : undefined;
    if (oldest !== undefined) filters.delete(oldest);
    return compiled;
  };
  return {
    get: (profile, host) => remember(digestOf(profile, host), () => compileSeccomp(profile, host)),
    named: (name, make, host) => remember(`${name} ${host.arch} ${host.answerNewer !== false}`, () => compileSeccomp(make(), host)),
  };
}

function digestOf(profile: LinuxSeccomp, host: SeccompHost): string {
  const text = JSON.stringify([profile, host.arch, host.answerNewer !== false], (_key, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
  return createHash('sha256').update(text).digest('base64');
}
