import { OrlopError } from '#errors';
import type { CreateRequest } from '#wire';
import { usageError } from '../arguments/usage-error.ts';
import { readText } from './environment.ts';

export type SecurityOptions = Pick<
  CreateRequest,
  'securityOptions' | 'noNewPrivileges' | 'seccompProfile' | 'appArmorProfile' | 'maskedPaths' | 'readonlyPaths'
>;

/** `--security-opt`. `seccomp=FILE` is read here: the engine opens no files for its clients. `systempaths=unconfined` hides nothing. */
export async function readSecurityOptions(options: readonly string[]): Promise<SecurityOptions> {
  let read: SecurityOptions = {};
  const texts: string[] = [];
  for (const option of options) {
    const { text, ...fields } = await readSecurityOption(option);
    read = { ...read, ...fields };
    if (text !== null) texts.push(text);
  }
  return texts.length === 0 ? read : { ...read, securityOptions: texts };
}

/** `text`: how the engine is told; null: it is told in other fields. */
async function readSecurityOption(option: string): Promise<SecurityOptions & { readonly text: string | null }> {
  const [, name = '', value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
  if (name === 'no-new-privileges' && (value === undefined || ['true', 'false'].includes(value)))
    return { noNewPrivileges: value !== 'false', text: option };
  if (value === undefined || value === '') throw usageError(`invalid --security-opt: ${JSON.stringify(option)}`);
  if (name === 'seccomp') {
    const seccompProfile = await readSeccomp(value);
    return { seccompProfile, text: `seccomp=${seccompProfile}` };
  }
  if (name === 'apparmor') return { ...(value === 'unconfined' ? {} : { appArmorProfile: value }), text: option };
  if (name === 'systempaths' && value === 'unconfined') return { maskedPaths: [], readonlyPaths: [], text: null };
  if (name === 'label' && value === 'disable') return { text: option };
  throw new OrlopError('unimplemented', 'CLI_USAGE', `--security-opt ${option} is not supported`, {
    hint: 'supported are no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, label=disable and systempaths=unconfined',
  });
}

async function readSeccomp(value: string): Promise<string> {
  if (value === 'unconfined' || value === 'default') return value;
  if (value === 'builtin') return 'default';
  const text = await readText(value);
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (cause) {
    throw new OrlopError('invalid-argument', 'CLI_BAD_SECCOMP', `the seccomp profile ${value} is not JSON`, { cause });
  }
}
