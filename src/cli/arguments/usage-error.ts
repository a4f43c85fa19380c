import { OrlopError } from '#errors';

/** The command line itself is wrong; `hint` says where to read how it is right. */
export function usageError(message: string, command?: { readonly name: string; readonly usage: string }): OrlopError {
  const hint =
    command === undefined
      ? 'orlop help lists the commands'
      : `usage: orlop ${command.name} ${command.usage}\n      orlop ${command.name} --help says more`;
  return new OrlopError('invalid-argument', 'CLI_USAGE', message, { hint });
}
