import { formatCommandHelp, formatGroupHelp, formatOverview } from '../arguments/help.ts';
import { wrongWords } from '../arguments/usage-error.ts';
import { groupSummaries } from '../commands/groups.ts';
import { listCommands, commandsInGroup, findCommand } from '../commands/index.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Verb } from '../invocation.ts';
import { write } from '../io.ts';

export const help: Verb = async ({ args, io }) => {
  await write(io.stdout, helpFor(args.positionals));
  return exitCodes.ok;
};

/** Help for a command, a group, or everything. An unknown name is a usage error. */
export function helpFor(words: readonly string[]): string {
  if (words.length === 0) return formatOverview(listCommands(), groupSummaries);
  const found = findCommand(words);
  if (found !== undefined) return formatCommandHelp(found.command);
  const [first = ''] = words;
  const group = commandsInGroup(first);
  if (group.length > 0) return formatGroupHelp(first, groupSummaries[first] ?? '', group);
  throw wrongWords(`unknown command: ${words.join(' ')}`);
}
