import type { CommandSpec } from '../arguments/spec.ts';
import { containerCommands } from './containers.ts';
import { withGroups } from './groups.ts';
import { lxdCommands } from './lxd.ts';
import { otherCommands } from './others.ts';
import { registryCommands } from './registries.ts';
import { registryServerCommands } from './registry-server.ts';
import { storeCommands } from './store.ts';

/** Every command: parser, help and completion all read this table. */
export const commands: readonly CommandSpec[] = withGroups([
  ...containerCommands,
  ...registryCommands,
  ...registryServerCommands,
  ...storeCommands,
  ...lxdCommands,
  ...otherCommands,
]);

export interface FoundCommand {
  readonly command: CommandSpec;
  readonly rest: readonly string[];
}

/** The command that the words start with: two words first, for groups. */
export function findCommand(words: readonly string[]): FoundCommand | undefined {
  for (const length of [2, 1]) {
    if (words.length < length) continue;
    const name = words.slice(0, length).join(' ');
    const command = commands.find((candidate) => candidate.name === name || candidate.aliases?.includes(name) === true);
    if (command !== undefined) return { command, rest: words.slice(length) };
  }
  return undefined;
}

/** The commands of a group such as `template` or `container`, under the names that they have there. */
export function commandsInGroup(group: string): readonly CommandSpec[] {
  const begins = (name: string): boolean => name.startsWith(`${group} `);
  return commands.flatMap((command) => {
    if (begins(command.name)) return [command];
    const alias = command.aliases?.find(begins);
    return alias === undefined ? [] : [{ ...command, name: alias }];
  });
}
