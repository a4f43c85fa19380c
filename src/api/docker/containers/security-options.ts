import { OrlopError } from '#errors';
import type { CreateRequest } from '#wire';

type SecurityFields = Pick<CreateRequest, 'noNewPrivileges' | 'seccompProfile'>;

/** Docker's `--security-opt` values: `no-new-privileges`, `seccomp=…` (`unconfined`, `builtin` or a profile as JSON). What changes nothing is accepted. */
export function parseSecurityOptions(options: readonly string[]): SecurityFields {
  let fields: SecurityFields = {};
  for (const option of options) fields = { ...fields, ...parseSecurityOption(option) };
  return fields;
}

function parseSecurityOption(option: string): SecurityFields {
  const mark = option.search(/[=:]/);
  const name = mark < 0 ? option : option.slice(0, mark);
  const value = mark < 0 ? '' : option.slice(mark + 1);
  if (name === 'no-new-privileges') {
    if (!['', 'true', 'false'].includes(value)) throw invalid(option);
    return { noNewPrivileges: value !== 'false' };
  }
  if (name === 'seccomp') return { seccompProfile: parseSeccomp(value, option) };
  // Orlop labels nothing and loads no AppArmor profile, so these ask for what is the case.
  if (option === 'label=disable' || option === 'label:disable' || (name === 'apparmor' && value === 'unconfined')) return {};
  throw new OrlopError('unimplemented', 'DOCKER_UNSUPPORTED_SECURITY_OPTION', `security option ${option} is not supported yet`, {
    hint: 'supported are no-new-privileges and seccomp',
  });
}

function parseSeccomp(value: string, option: string): string {
  if (value === 'unconfined') return value;
  if (value === 'builtin' || value === 'default') return 'default';
  try {
    const profile: unknown = JSON.parse(value);
    if (typeof profile === 'object' && profile !== null) return value;
  } catch {
    // Said below.
  }
  throw invalid(option.length > 80 ? `${option.slice(0, 80)}…` : option);
}

function invalid(option: string): OrlopError {
  return new OrlopError('invalid-argument', 'DOCKER_BAD_SECURITY_OPTION', `invalid security option ${JSON.stringify(option)}`);
}
