import { OrlopError } from '#errors';
import type { CommandSpec } from './spec.ts';

type Command = Pick<CommandSpec, 'name' | 'usage'>;

/** The command line itself is wrong; `hint` says where to read how it is right. */
export function usageError(message: string, command?: Command): OrlopError {
  return wrongUse('CLI_USAGE', message, command);
}

/** There is no such command, or it takes another number of arguments: Docker's exit code for these is that of other failures. */
export function wrongWords(message: string, command?: Command): OrlopError {
  return wrongUse('CLI_WRONG_WORDS', message, command);
}

/** The flag is right and its value is not; Docker leaves it to the engine to say so, which gives the code of other failures, but in `run`. */
export function refusedValue(message: string): OrlopError {
  return wrongUse(refusedValueCode, message, undefined);
}

export const refusedValueCode = 'CLI_REFUSED_VALUE';

/** Docker has the flag, Orlop does not; `why` is the reason, or what to do instead. */
export function refusedFlag({ name }: Command, flag: string, why: string): OrlopError {
  return new OrlopError('unimplemented', 'CLI_USAGE', `orlop ${name} --${flag} is not supported`, { hint: why });
}

function wrongUse(code: string, message: string, command: Command | undefined): OrlopError {
  const hint =
    command === undefined
      ? 'orlop help lists the commands'
      : `usage: orlop ${command.name} ${command.usage}\n      orlop ${command.name} --help says more`;
  return new OrlopError('invalid-argument', code, message, { hint });
}
