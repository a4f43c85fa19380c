import { OrlopError } from '#errors';
import { isAtLeast, type KernelRelease } from '#sys';

/** What the conditions of a profile of Docker's format are held against. */
export interface ProfileFacts {
  /** Names of the bounding set, `CAP_CHOWN`. */
  readonly capabilities: readonly string[];
  /** As Node calls it. */
  readonly arch: string;
  readonly kernel: KernelRelease;
}

type Json = Readonly<Record<string, unknown>>;

/** Go's names of processors, by which conditions tell them apart, and libseccomp's, by which `archMap` does. */
const processors: Readonly<Record<string, readonly [go: string, seccomp: string]>> = {
  x64: ['amd64', 'SCMP_ARCH_X86_64'],
  arm64: ['arm64', 'SCMP_ARCH_AARCH64'],
};

/**
 * A profile in Docker's format as one in that of the OCI runtime specification: `name` beside `names`, `archMap` in place of `architectures`, rules that hold for some capabilities, processors and
 * kernels only. One that has none of these is answered as it is; what else is wrong with it is for its parser to say. Pure. Fails with invalid-argument in Docker's words
 * (moby, profiles/seccomp).
 */
export function fromDockerProfile(json: unknown, facts: ProfileFacts): unknown {
  if (!isObject(json)) return json;
  const { archMap, syscalls, ...profile } = json;
  if (lengthOf(profile['architectures']) > 0 && lengthOf(archMap) > 0)
    throw refused("both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'");
  const architectures = Array.isArray(archMap) ? architecturesOf(archMap, facts) : [];
  return {
    ...profile,
    ...(architectures.length === 0 ? {} : { architectures }),
    ...(Array.isArray(syscalls)
      ? { syscalls: syscalls.flatMap((rule: unknown) => ruleOf(rule, facts)) }
      : syscalls === undefined
        ? {}
        : { syscalls }),
  };
}

function architecturesOf(archMap: readonly unknown[], { arch }: ProfileFacts): unknown[] {
  const own = archMap.filter(isObject).find(({ architecture }) => architecture === processors[arch]?.[1]);
  return own === undefined ? [] : [own['architecture'], ...(Array.isArray(own['subArchitectures']) ? own['subArchitectures'] : [])];
}

function ruleOf(json: unknown, facts: ProfileFacts): unknown[] {
  if (!isObject(json)) return [json];
  const { name, names, includes, excludes, comment: _comment, ...rule } = json;
  const isNamed = typeof name === 'string' && name !== '';
  if (isNamed && lengthOf(names) > 0)
    throw refused("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  if (isObject(excludes) && isExcluded(excludes, facts)) return [];
  if (isObject(includes) && !isIncluded(includes, facts)) return [];
  const { args, ...rest } = rule;
  return [{ ...rest, names: isNamed ? [name] : names, ...(args === null || args === undefined ? {} : { args }) }];
}

function isExcluded(condition: Json, { arch, capabilities, kernel }: ProfileFacts): boolean {
  return (
    textsOf(condition['arches']).includes(processors[arch]?.[0] ?? arch) ||
    textsOf(condition['caps']).some((name) => capabilities.includes(name)) ||
    isSince(condition['minKernel'], kernel) === true
  );
}

function isIncluded(condition: Json, { arch, capabilities, kernel }: ProfileFacts): boolean {
  const arches = textsOf(condition['arches']);
  return (
    (arches.length === 0 || arches.includes(processors[arch]?.[0] ?? arch)) &&
    textsOf(condition['caps']).every((name) => capabilities.includes(name)) &&
    isSince(condition['minKernel'], kernel) !== false
  );
}

/** Whether the kernel is this or a later one; null: nothing was said. */
function isSince(wanted: unknown, kernel: KernelRelease): boolean | null {
  if (wanted === undefined || wanted === null || wanted === '') return null;
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(typeof wanted === 'string' ? wanted : '') ?? [];
  if (major === undefined || minor === undefined) throw refused(`invalid minKernel ${JSON.stringify(wanted)}: it is not like 4.8`);
  return isAtLeast(kernel, Number(major), Number(minor));
}

function isObject(json: unknown): json is Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function lengthOf(json: unknown): number {
  return Array.isArray(json) ? json.length : 0;
}

function textsOf(json: unknown): string[] {
  return Array.isArray(json) ? json.filter((item) => typeof item === 'string') : [];
}

function refused(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'ENGINE_SECCOMP_INVALID', message);
}
