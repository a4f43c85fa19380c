import { OrlopError } from '#errors';
import type { Dockerfile, Warning } from '../model.ts';
import { ownValue } from '../stages/arguments.ts';
import { experimentalRules } from './rules.ts';

/** What `# check=…`, or the client in its place, says about checks. */
export interface CheckSettings {
  readonly skip: ReadonlySet<string> | 'all';
  /** Any finding fails the build. */
  readonly failOnWarnings: boolean;
  readonly experimental: ReadonlySet<string> | 'all';
}

/**
 * The settings of one build: the file's `# check=`, unless the client has others in the build arguments BUILDKIT_DOCKERFILE_CHECK and
 * BUILDKIT_DOCKERFILE_CHECK_EXPERIMENTAL (Docker's, "BuildKit built-in build args"). Fails with invalid-argument `BUILD_BAD_CHECK`.
 */
export function readCheckSettings(file: Dockerfile, buildArgs: Readonly<Record<string, string>>): CheckSettings {
  const settings = parseCheckSettings(ownValue(buildArgs, 'BUILDKIT_DOCKERFILE_CHECK') ?? file.directives.check);
  const experimental = ownValue(buildArgs, 'BUILDKIT_DOCKERFILE_CHECK_EXPERIMENTAL');
  return experimental === undefined ? settings : { ...settings, experimental: readRules(experimental) };
}

/** `skip=Rule,Rule;error=true;experimental=all`. Fails with invalid-argument `BUILD_BAD_CHECK`. */
export function parseCheckSettings(text = ''): CheckSettings {
  let settings: CheckSettings = { skip: new Set(), failOnWarnings: false, experimental: new Set() };
  for (const part of text.trim() === '' ? [] : text.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) throw badCheck(`invalid check option ${JSON.stringify(part)}`);
    const key = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (key === 'skip' || key === 'experimental') settings = { ...settings, [key]: readRules(value) };
    else if (key === 'error') settings = { ...settings, failOnWarnings: readBoolean(part, value) };
    else throw badCheck(`invalid check option ${JSON.stringify(key)}`);
  }
  return settings;
}

function readRules(value: string): ReadonlySet<string> | 'all' {
  return value === 'all' ? value : new Set(value.split(',').map((rule) => rule.trim()));
}

function readBoolean(part: string, value: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw badCheck(`failed to parse check option ${JSON.stringify(part)}`);
}

function badCheck(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_BAD_CHECK', message, { hint: 'write it as # check=skip=Rule,Rule;error=true' });
}

/** The findings that the settings want to hear of. Experimental ones are asked for by name, and nothing skips them then, as in BuildKit. */
export function selectWarnings(warnings: readonly Warning[], { skip, experimental }: CheckSettings): Warning[] {
  return warnings.filter(({ rule }) => {
    if (experimentalRules.has(rule)) return experimental === 'all' || experimental.has(rule);
    return skip !== 'all' && !skip.has(rule);
  });
}

/** Fails with failed-precondition `BUILD_CHECKS_FAILED` when the settings say so and there is a finding. */
export function enforceChecks(warnings: readonly Warning[], settings: CheckSettings): void {
  if (!settings.failOnWarnings || warnings.length === 0) return;
  const rules = [...new Set(warnings.map(({ rule }) => rule))];
  throw new OrlopError('failed-precondition', 'BUILD_CHECKS_FAILED', `lint violation found for rules: ${rules.join(', ')}`, {
    details: { lines: warnings[0]?.lines },
  });
}
