import { formatFlag, globalOptions } from '../../src/cli/arguments/help.ts';
import type { CommandSpec } from '../../src/cli/arguments/spec.ts';
import { groupSummaries } from '../../src/cli/commands/groups.ts';
import { commandsInGroup, listCommands } from '../../src/cli/commands/index.ts';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { clientVariables } from './environment.ts';
import type { Page, Row, Section } from './page.ts';

const overview = { name: 'orlop', manual: 1 } as const;

/** `orlop`, each of its commands under its own name, and each group. */
export function commandPages(): Page[] {
  const commands = listCommands().toSorted(byName);
  return [overviewPage(commands), ...commands.map(commandPage), ...Object.keys(groupSummaries).filter(isNoCommand).map(groupPage)];
}

/** The names of all groups, and what they are about. */
export const groups: readonly Row[] = Object.entries(groupSummaries).map(([term, about]) => ({ term, about }));

function isNoCommand(group: string): boolean {
  return !listCommands().some(({ name }) => name === group);
}

function commandPage(command: CommandSpec): Page {
  const shown = command.flags.filter(({ refused, aliasOf }) => refused === undefined && aliasOf === undefined);
  const { aliases = [] } = command;
  const sections: Section[] = [];
  if (aliases.length > 0) sections.push({ title: 'Other names', paragraphs: [aliases.map((name) => `orlop ${name}`).join(', ')] });
  if (shown.length > 0)
    sections.push({ title: 'Options', rows: shown.toSorted(byName).map((flag) => ({ term: formatFlag(flag).trim(), about: flag.help })) });
  if (command.notes !== undefined) sections.push(notesOf(command.notes()));
  const [first = ''] = command.name.split(' ');
  const group = command.name.includes(' ') && isNoCommand(first) ? [{ name: `orlop ${first}`, manual: 1 } as const] : [];
  return {
    name: `orlop ${command.name}`,
    manual: 1,
    summary: command.summary,
    synopsis: [`orlop ${command.name} ${command.usage}`.trim()],
    sections,
    related: [overview, ...group],
  };
}

/** The first line is what they are about: `Settings:`. */
function notesOf(text: string): Section {
  const [title = '', ...lines] = text.split('\n');
  return { title: title.replace(/:$/, ''), code: lines.map((line) => line.replace(/^ {2}/, '')).join('\n') };
}

function groupPage(group: string): Page {
  const commands = commandsInGroup(group).toSorted(byName);
  return {
    name: `orlop ${group}`,
    manual: 1,
    summary: groupSummaries[group] ?? '',
    synopsis: [`orlop ${group} COMMAND`],
    sections: [{ title: 'Commands', rows: commands.map(({ name, summary }) => ({ term: `orlop ${name}`, about: summary })) }],
    related: [overview],
  };
}

function overviewPage(commands: readonly CommandSpec[]): Page {
  const single = commands.filter(({ name }) => !name.includes(' '));
  return {
    ...overview,
    summary: 'system containers and app containers, with one engine',
    synopsis: ['orlop [OPTIONS] COMMAND [ARG...]'],
    sections: [
      {
        title: 'Description',
        paragraphs: [
          'orlop is the command line of the engine orlopd(8): a client of its socket and nothing else. App containers run one program from an image (orlop run); system containers hold a whole distribution with its init (orlop launch). Every command works on both.',
          'Commands, flags, output and exit codes are those of the docker command line where it has them; flags that are not supported are refused by name. With --json a command prints data for programs.',
        ],
      },
      { title: 'Options', rows: globalOptions.map(([term, about]) => ({ term: term.trim(), about })) },
      { title: 'Commands', rows: single.map(({ name, summary }) => ({ term: name, about: summary })) },
      { title: 'Groups of commands', rows: groups },
      { title: 'Exit status', rows: exitRows },
      { title: 'Environment', rows: clientVariables },
      {
        title: 'Files',
        rows: [
          { term: '/run/orlop/orlop.sock', about: 'Where the engine listens; for root and the group orlop' },
          { term: '~/.docker/config.json', about: 'Logins, helpers that keep them, keys that detach; shared with docker' },
        ],
      },
    ],
    related: [
      { name: 'orlop run', manual: 1 },
      { name: 'orlop launch', manual: 1 },
      { name: 'orlopd', manual: 8 },
      { name: 'orlop-runtime', manual: 8 },
    ],
  };
}

const exitRows: readonly Row[] = [
  { term: String(exitCodes.ok), about: 'Done' },
  { term: String(exitCodes.failure), about: 'Refused, or part of it failed' },
  { term: String(exitCodes.badTemplate), about: 'A --format that is no template' },
  { term: String(exitCodes.unusable), about: 'A wrong flag or value; run could not make its container; the engine went away' },
  { term: String(exitCodes.notExecutable), about: "The container's command cannot be executed" },
  { term: String(exitCodes.notFound), about: "The container's command is not there" },
  { term: `${exitCodes.signalBase}+N`, about: "The container's process was ended by signal N; any other code is its own" },
];

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
