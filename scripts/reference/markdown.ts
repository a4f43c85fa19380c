import { type Page, type Row, type Section } from './page.ts';

/** The first line of what nobody is to edit. */
export const generated = '<!-- Written by scripts/reference.ts: "npm run fix" brings it up to date. -->';

/** A page as Markdown. `linkTo` gives the path to another page from this one. Pure. */
export function formatMarkdown(page: Page, linkTo: (other: Page['related'][number]) => string): string {
  const parts = [
    generated,
    `# ${page.name}`,
    `${page.summary}.`,
    fence(page.synopsis.join('\n')),
    ...page.sections.flatMap((section) => formatSection(section)),
    ...(page.related.length === 0 ? [] : [`See also: ${page.related.map((other) => `[${other.name}](${linkTo(other)})`).join(', ')}.`]),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** A section with its heading, blocks in their order. */
export function formatSection({ title, paragraphs = [], rows = [], code }: Section): string[] {
  const table =
    rows.length === 0
      ? []
      : [
          formatTable(
            ['', ''],
            rows.map(({ term, about }: Row) => [codeCell(term), cell(about)]),
          ),
        ];
  return [`## ${title}`, ...paragraphs.map(cell), ...table, ...(code === undefined ? [] : [fence(code.trimEnd())])];
}

/** Rows of finished cells. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** Text of a table: what Markdown or HTML would take for theirs is not. */
export function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll(/[|*_<>[\]`\\{}]/g, String.raw`\$&`);
}

/** Within backticks only the column's own border needs care. */
export function codeCell(text: string): string {
  return `\`${text.replaceAll('|', String.raw`\|`)}\``;
}

function fence(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}
