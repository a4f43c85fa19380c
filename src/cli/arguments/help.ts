import type { CommandSpec, FlagSpec } from './spec.ts';

/** `orlop run --help`. */
export function formatCommandHelp(command: CommandSpec): string {
  const aliases =
    command.aliases === undefined ? '' : `\nAliases:\n  ${[command.name, ...command.aliases].map((name) => `orlop ${name}`).join(', ')}\n`;
  const shown = command.flags.filter((flag) => flag.refused === undefined && flag.aliasOf === undefined);
  const options =
    shown.length === 0 ? '' : `\nOptions:\n${formatRows(shown.toSorted(byName).map((flag) => [formatFlag(flag), flag.help]))}`;
  return `Usage:  orlop ${command.name} ${command.usage}\n\n${command.summary}\n${aliases}${options}${command.notes === undefined ? '' : `\n${command.notes()}`}`;
}

/** `orlop container`: what the group has, by the second words. */
export function formatGroupHelp(group: string, summary: string, commands: readonly CommandSpec[]): string {
  const rows = commands.toSorted(byName).map(({ name, summary: says }): [string, string] => [`  ${name.slice(group.length + 1)}`, says]);
  return `Usage:  orlop ${group} COMMAND

${summary}

Commands:
${formatRows(rows)}
orlop ${group} COMMAND --help says more about a command.
`;
}

/** What stands before the command's name, and what it is for. */
export const globalOptions: readonly (readonly [string, string])[] = [
  ['  -H, --host string', "The engine's address, unix:// or tcp:// (default $ORLOP_HOST, unix:///run/orlop/orlop.sock)"],
  ['  -c, --context name', 'The engine that orlop context gave this name (default $ORLOP_CONTEXT, what orlop context use said)'],
  ['      --tlsverify', 'Reach the engine with certificates (default when $ORLOP_TLS_VERIFY is set)'],
  ['      --tlscacert file', "The engine's authority (default ca.pem in $ORLOP_CERT_PATH, ~/.docker)"],
  ['      --tlscert file', 'Our certificate (default cert.pem there)'],
  ['      --tlskey file', 'Its key (default key.pem there)'],
  ['      --config dir', 'Where logins and keys that detach are kept (default $DOCKER_CONFIG, ~/.docker)'],
  ['  -v, --version', 'Print the version of this program'],
];

/** `orlop help`: commands of one word, and the groups of the others with what they are about. */
export function formatOverview(commands: readonly CommandSpec[], groups: Readonly<Record<string, string>>): string {
  const rows = commands.filter(({ name }) => !name.includes(' ')).map(({ name, summary }): [string, string] => [`  ${name}`, summary]);
  return `Usage:  orlop [OPTIONS] COMMAND

System containers and app containers, with one engine

Commands:
${formatRows(rows)}
Groups of commands:
${formatRows(Object.entries(groups).map(([group, summary]): [string, string] => [`  ${group}`, summary]))}
Options:
${formatRows(globalOptions)}
orlop COMMAND --help says more about a command.
`;
}

/** `  -e, --env list`, with room for the short one. */
export function formatFlag(flag: FlagSpec): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  const value = flag.kind === 'flag' ? '' : ` ${flag.value ?? { text: 'string', list: 'list', integer: 'int', flag: '' }[flag.kind]}`;
  return `  ${short}--${flag.name}${value}`;
}

/** Columns of a help text. */
export function formatRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width + 3)}${right}\n`).join('');
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
