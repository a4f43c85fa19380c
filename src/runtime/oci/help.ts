import type { FlagTable } from './arguments.ts';
import type { Command } from './command.ts';

export interface ProgramFacts {
  readonly version: string;
  readonly spec: string;
  readonly commands: Readonly<Record<string, Command>>;
  readonly flags: FlagTable;
}

/** As the launcher was called, where that is by the name of the program whose place we take: scripts look for it in what a command says about itself. */
const program = process.env['ORLOP_CALLED'] === 'runc' ? 'runc' : 'orlop-runtime';
const replaced = 'runc version 1.3.0';

/** In the layout of runc's help, which scripts look into. */
export function formatHelp({ version, spec, commands, flags }: ProgramFacts): string {
  const rows = [...Object.entries(commands).map(([name, { about }]) => [name, about] as const), ['help, h', helpAbout] as const];
  return [
    `NAME:\n   ${program === 'runc' ? '' : `${program}, used like `}runc - Open Container Initiative runtime\n`,
    'Runs containers of OCI bundles: directories with a config.json and a root file system. Other engines (Podman,\ncontainerd, Docker) call it as they call runc.\n',
    `USAGE:\n   ${program} [global options] command [command options] [arguments...]\n`,
    `VERSION:\n   ${version}\nspec: ${spec}\n`,
    `COMMANDS:\n${formatRows(rows)}`,
    `GLOBAL OPTIONS:\n${formatFlags(flags)}`,
  ].join('\n');
}

const helpAbout = 'Shows a list of commands or help for one command';

export function formatCommandHelp(name: string, command: Command): string {
  const shown = Object.keys(command.flags).length > 0;
  const parts = [
    `NAME:\n   ${program} ${name} - ${command.about}\n`,
    `USAGE:\n   ${program} ${name} ${shown ? '[command options] ' : ''}${command.usage}\n`,
    ...(command.description === undefined ? [] : [`DESCRIPTION:\n   ${command.description}\n`]),
    ...(shown ? [`OPTIONS:\n${formatFlags(command.flags)}`] : []),
  ];
  return `${parts.join('\n')}${shown ? '   \n' : ''}`;
}

export function formatVersion({ version, spec }: ProgramFacts): string {
  const name = program === 'runc' ? `orlop-runtime ${version}, in place of ${replaced}` : `${program} version ${version}`;
  return `${name}\ncommit: ${version}\nspec: ${spec}\n`;
}

function formatFlags(table: FlagTable): string {
  return formatRows(flagRows(table));
}

/** How each flag is spelled, and what it does. */
export function flagRows(table: FlagTable): (readonly [string, string])[] {
  return Object.entries(table)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name, { kind, short, about, preset }]) => {
      const value = kind === 'flag' ? '' : ' value';
      const names = [`--${name}`, ...(short === undefined ? [] : [`-${short}`])].map((spelling) => `${spelling}${value}`);
      return [names.join(', '), preset === undefined ? about : `${about} (default: ${preset})`] as const;
    });
}

function formatRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `   ${left.padEnd(width)}  ${right}\n`).join('');
}
