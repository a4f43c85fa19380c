import { OrlopError } from '#errors';
import type { CreateRequest } from '#wire';

type SecurityFields = Pick<CreateRequest, 'noNewPrivileges' | 'seccompProfile' | 'appArmorProfile'>;

/**
 * Docker's `--security-opt` values: `no-new-privileges`, `seccomp=…` (`unconfined`, `builtin` or a profile as JSON), `apparmor=…`, `label=disable`. A label
 * for a container of SELinux is refused: nothing here would give it one.
 */
export function parseSecurityOptions(options: readonly string[]): SecurityFields {
  let fields: SecurityFields = {};
  for (const option of options) fields = { ...fields, ...parseSecurityOption(option) };
  return fields;
}

function parseSecurityOption(option: string): SecurityFields {
  if (option === 'no-new-privileges') return { noNewPrivileges: true };
  // Docker's short form of label=disable.
  if (option === 'disable') return {};
  const mark = option.includes('=') ? option.indexOf('=') : option.indexOf(':');
  if (mark < 0) throw invalid(1, option);
  const name = option.slice(0, mark);
  const value = option.slice(mark + 1);
  switch (name) {
    case 'no-new-privileges':
      return { noNewPrivileges: parseTruth(value, option) };
    case 'seccomp':
      return { seccompProfile: parseSeccomp(value, option) };
    case 'apparmor':
      return value === 'unconfined' || value === '' ? {} : { appArmorProfile: value };
    case 'label':
      // Orlop labels nothing, so this asks for what is the case.
      if (value === 'disable') return {};
      throw new OrlopError(
        'unimplemented',
        'DOCKER_UNSUPPORTED_SECURITY_OPTION',
        `security option ${option} is not supported: containers get no label of SELinux's`,
        {
          hint: 'give label=disable, or leave it out',
        },
      );
    case 'systempaths':
      throw new OrlopError('invalid-argument', 'DOCKER_BAD_SECURITY_OPTION', `invalid --security-opt 2: ${JSON.stringify(option)}`, {
        hint: 'clients turn it into empty lists of MaskedPaths and ReadonlyPaths',
      });
    default:
      throw invalid(2, option);
  }
}

/** What Go's ParseBool takes. */
function parseTruth(value: string, option: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw invalid(2, option);
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
  throw invalid(2, option);
}

/** Docker's words: 1 for what is no option, 2 for one that is unknown or has a bad value. */
function invalid(which: 1 | 2, option: string): OrlopError {
  const shown = option.length > 80 ? `${option.slice(0, 80)}…` : option;
  return new OrlopError('invalid-argument', 'DOCKER_BAD_SECURITY_OPTION', `invalid --security-opt ${which}: ${JSON.stringify(shown)}`, {
    hint: 'known are no-new-privileges, seccomp=, apparmor= and label=disable',
  });
}
