import { settingKeys, type SettingKey } from '#wire';
import type { CommandSpec, Completes, FlagSpec } from '../arguments/spec.ts';

function listOf(wordOf: (key: SettingKey) => string): string {
  return `printf '%s\\n' ${settingKeys.map(wordOf).join(' ')}`;
}

/** Options before a command, with a value, that say which engine it is for, and how it is reached. */
export const engineOptions = ['-H', '--host', '-c', '--context', '--config', '--tlscacert', '--tlscert', '--tlskey', '-l', '--log-level'];

/** The command that prints what a word may name. */
const listings: Readonly<Record<Completes, string>> = {
  container: "orlop ps -a --format '{{.Names}}'",
  context: 'orlop context ls -q',
  running: "orlop ps --format '{{.Names}}'",
  image: "orlop images --format '{{.Repository}}:{{.Tag}}'",
  network: "orlop network ls --format '{{.Name}}'",
  template: "orlop template list --format '{{.Template}}'",
  volume: "orlop volume ls --format '{{.Name}}'",
  profile: "orlop profile ls --format '{{.Name}}'",
  setting: listOf(({ name, isFamily }) => (isFamily === true ? name : `${name}=`)),
  'setting-name': listOf(({ name }) => name),
};

/** The commands that print what a positional of this command may name; none when nothing is known of it. `engine`: how the shell says the options that were typed before. */
export function listingsOf({ completes = [] }: Pick<CommandSpec, 'completes'>, engine: string): readonly string[] {
  return (typeof completes === 'string' ? [completes] : completes).map((one) => listings[one].replace(/^orlop /, `orlop ${engine} `));
}

/** The values that a flag is offered with: fixed words, and commands that print names. */
export function valuesOf(
  { choices = [], completes }: FlagSpec,
  engine: string,
): { readonly words: readonly string[]; readonly commands: readonly string[] } {
  return { words: choices, commands: listingsOf(completes === undefined ? {} : { completes }, engine) };
}

/** Flags that a person is offered. */
export function offeredFlags({ flags }: CommandSpec): readonly FlagSpec[] {
  return flags.filter((flag) => flag.refused === undefined && flag.aliasOf === undefined);
}

/** First words of all commands, groups once. */
export function firstWords(commands: readonly CommandSpec[]): readonly string[] {
  return [...new Set(commands.flatMap(namesOf).map((name) => name.split(' ')[0] ?? ''))];
}

/** Second words of the groups: `template` → `list`, `build`. */
export function groupWords(commands: readonly CommandSpec[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const name of commands.flatMap(namesOf)) {
    const [group = '', word] = name.split(' ');
    if (word !== undefined) groups.set(group, [...(groups.get(group) ?? []), word]);
  }
  return groups;
}

/** Its own name, and what it is called in groups. */
export function namesOf({ name, aliases = [] }: CommandSpec): string[] {
  return [name, ...aliases.filter((alias) => alias.includes(' '))];
}

/** Words with spaces, quotes and the like made plain for a shell's single quotes. */
export function quoteSingle(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
