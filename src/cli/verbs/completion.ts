import { usageError } from '../arguments/usage-error.ts';
import { listCommands } from '../commands/index.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatCompletion, type Shell } from '../completion/index.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';

export const completion: Verb = async ({ args, io, command }) => {
  const [shell = ''] = args.positionals;
  if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish')
    throw usageError(`no completion for ${shell}: it must be bash, zsh or fish`, command);
  await write(io.stdout, formatCompletion(shell satisfies Shell, listCommands()));
  return exitCodes.ok;
};
