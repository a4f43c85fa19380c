import { commandPages, groups } from './command-pages.ts';
import { cell, formatMarkdown, formatTable, generated } from './markdown.ts';
import { slugOf, type Page } from './page.ts';
import { enginePage, runtimePage } from './program-pages.ts';
import { formatRoff, type Edition } from './roff.ts';
import { formatEnvironmentPage, formatSettingsPage } from './settings-page.ts';

export const referenceFolder = 'docs/reference';
const commandFolder = 'command-line';

/** Every file of the reference, by its path from the project's root. Pure. */
export function planReference(): Map<string, string> {
  const commands = commandPages();
  const programs = [enginePage(), runtimePage()];
  const inCommands = (other: Page['related'][number]): string => `${other.manual === 8 ? '../' : ''}${slugOf(other)}.md`;
  const inPrograms = (other: Page['related'][number]): string => `${other.manual === 1 ? `${commandFolder}/` : ''}${slugOf(other)}.md`;
  const files: [string, string][] = [
    ...commands.map((page): [string, string] => [`${commandFolder}/${slugOf(page)}.md`, formatMarkdown(page, inCommands)]),
    ...programs.map((page): [string, string] => [`${slugOf(page)}.md`, formatMarkdown(page, inPrograms)]),
    ['settings.md', formatSettingsPage()],
    ['environment.md', formatEnvironmentPage()],
    ['README.md', formatIndex(commands)],
  ];
  return new Map(files.map(([path, text]) => [`${referenceFolder}/${path}`, text]));
}

/** Every man page, by its file's name. Pure. */
export function planManual(edition: Edition): Map<string, string> {
  const pages = [...commandPages(), enginePage(), runtimePage()];
  return new Map(pages.map((page) => [`${slugOf(page)}.${page.manual}`, formatRoff(page, edition)]));
}

function formatIndex(commands: readonly Page[]): string {
  const rows = (pages: readonly Page[]): string =>
    formatTable(
      ['', ''],
      pages.map((page) => [`[${page.name}](${commandFolder}/${slugOf(page)}.md)`, cell(page.summary)]),
    );
  const groupNames = new Set(groups.map(({ term }) => term));
  const groupOf = ({ name }: Page): string => name.split(' ')[1] ?? '';
  const single = commands.filter((page) => !groupNames.has(groupOf(page)) || page.name.split(' ').length === 1);
  return `${[
    generated,
    '# Reference',
    [
      '- [orlopd](orlopd.md): the engine, its flags, its configuration file',
      '- [orlop-runtime](orlop-runtime.md): the OCI runtime',
      '- [settings and devices](settings.md) of containers',
      '- [the environment](environment.md)',
    ].join('\n'),
    'The same is in the man pages, in `orlop COMMAND --help`, and in the completion of shells. What holds for all commands is told in [the command line](../command-line.md).',
    '## Commands',
    rows(single),
    ...groups.flatMap(({ term, about }) => [`## ${about}`, rows(commands.filter((page) => groupOf(page) === term))]),
  ].join('\n\n')}\n`;
}
