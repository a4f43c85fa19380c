import type { CommandSpec } from '../arguments/spec.ts';
import { buildCommands } from './builds.ts';
import { hoistProjectFlags } from './compose.ts';
import { composeCommands } from './compose-verbs.ts';
import { containerCommands } from './containers.ts';
import { contextCommands } from './contexts.ts';
import { fileCommands } from './files.ts';
import { groupedName, withGroups } from './groups.ts';
import { withJson } from './json-flag.ts';
import { lxdCommands } from './lxd.ts';
import { networkCommands } from './networks.ts';
import { otherCommands } from './others.ts';
import { registryCommands } from './registries.ts';
import { registryServerCommands } from './registry-server.ts';
import { snapshotCommands } from './snapshots.ts';
import { settingCommands } from './settings.ts';
import { storeCommands } from './store.ts';
import { volumeCommands } from './volumes.ts';

/** Every command by its own name. */
const table: readonly CommandSpec[] = [
  ...containerCommands,
  ...buildCommands,
  ...registryCommands,
  ...registryServerCommands,
  ...storeCommands,
  ...snapshotCommands,
  ...fileCommands,
  ...volumeCommands,
  ...lxdCommands,
  ...networkCommands,
  ...settingCommands,
  ...contextCommands,
  ...otherCommands,
  ...composeCommands,
];

/** Every command with all its names: help and completion read this. */
export function listCommands(): readonly CommandSpec[] {
  return withGroups(table.map(withJson));
}

export interface FoundCommand {
  readonly command: CommandSpec;
  readonly rest: readonly string[];
}

/** The command that the words start with: two words first, for groups. */
export function findCommand(given: readonly string[]): FoundCommand | undefined {
  const words = hoistProjectFlags(given);
  for (const length of [2, 1]) {
    if (words.length < length) continue;
    const name = words.slice(0, length).join(' ');
    const command = table.find((candidate) => candidate.name === name || candidate.aliases?.includes(name) === true);
    if (command !== undefined) return { command: withJson(command), rest: words.slice(length) };
  }
  const [group = '', word = ''] = words;
  const name = groupedName(group, word);
  const command = table.find((candidate) => candidate.name === name);
  return command === undefined ? undefined : { command: withJson(command), rest: words.slice(2) };
}

/** The commands of a group such as `template` or `container`, under the names that they have there. */
export function commandsInGroup(group: string): readonly CommandSpec[] {
  const begins = (name: string): boolean => name.startsWith(`${group} `);
  return listCommands().flatMap((command) => {
    if (begins(command.name)) return [command];
    const alias = command.aliases?.find(begins);
    return alias === undefined ? [] : [{ ...command, name: alias }];
  });
}
