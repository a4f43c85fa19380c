import { OrlopError } from '#errors';
import { nearestWord } from './arguments/nearest.ts';
import { wrongWords } from './arguments/usage-error.ts';
import { hoistProjectFlags } from './commands/compose.ts';
import { commandsInGroup, listCommands } from './commands/index.ts';
import { reasonOfRefusal } from './commands/refused.ts';

/** Words that name no command: the group whose help they ask for, or else the error that says why, and what was probably meant. */
export function explainUnknown(words: readonly string[]): { readonly group: string } {
  const [first = '', second] = hoistProjectFlags(words);
  const refusal = reasonOfRefusal(first);
  if (refusal !== undefined) throw new OrlopError('unimplemented', 'CLI_REFUSED', `orlop ${first} is not supported`, { hint: refusal });
  const inGroup = commandsInGroup(first).map(({ name }) => name);
  const isGroup = inGroup.length > 0;
  if (isGroup && (second === undefined || second === '--help' || second === '-h')) return { group: first };
  const word = isGroup ? `${first} ${second}` : first;
  const meant = isGroup ? nearestWord(word, inGroup) : nearestCommand(first, second);
  throw wrongWords(`unknown command: ${word}${meant === undefined ? '' : `; did you mean "orlop ${meant}"?`}`);
}

/** A command of one word, or one of a group whose name was mistyped. */
function nearestCommand(first: string, second: string | undefined): string | undefined {
  const names = listCommands().flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  const meant = nearestWord(first, [...new Set(names.map((name) => name.replace(/ .*/, '')))]);
  const whole = `${meant} ${second}`;
  return meant !== undefined && commandsInGroup(meant).some(({ name }) => name === whole) ? whole : meant;
}
