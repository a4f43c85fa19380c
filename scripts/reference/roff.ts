import { slugOf, type Page, type Section } from './page.ts';

/** What the foot of a man page says. */
export interface Edition {
  readonly version: string;
  /** ISO date. */
  readonly date: string;
}

/** A page in man(7)'s macros, which groff and mandoc read. Pure. */
export function formatRoff(page: Page, { version, date }: Edition): string {
  const name = slugOf(page);
  const last = page.related.length - 1;
  const related = page.related.map((other, index) => `.BR ${escape(slugOf(other))} (${other.manual})${index === last ? '' : ','}`);
  const lines = [
    `.TH ${escape(name.toUpperCase())} ${page.manual} ${date} "Orlop ${escape(version)}" "Orlop's manual"`,
    // Commands are not to be broken at their hyphens, and lines not to be stretched.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${escape(name)} \\- ${escape(page.summary)}`,
    '.SH SYNOPSIS',
    ...page.synopsis.flatMap((line, index) => [...(index === 0 ? [] : ['.br']), textLine(line)]),
    ...page.sections.flatMap(formatSection),
    ...(related.length === 0 ? [] : ['.SH SEE ALSO', ...related]),
  ];
  return `${lines.join('\n')}\n`;
}

function formatSection({ title, paragraphs = [], rows = [], code }: Section): string[] {
  const texts = paragraphs.flatMap((text, index) => [...(index === 0 ? [] : ['.PP']), textLine(text)]);
  const terms = rows.flatMap(({ term, about }) => ['.TP', `\\fB${escape(term)}\\fR`, about === '' ? '\\&' : textLine(about)]);
  // A list needs no paragraph before it; what stands as it is does, unless the heading has just made one.
  const shown =
    code === undefined
      ? []
      : [...(texts.length + terms.length === 0 ? [] : ['.PP']), '.nf', ...code.trimEnd().split('\n').map(textLine), '.fi'];
  return [`.SH ${escape(title.toUpperCase())}`, ...texts, ...terms, ...shown];
}

/** A line that begins like a request is none. */
function textLine(text: string): string {
  const escaped = escape(text);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

const characters: Readonly<Record<string, string>> = {
  '\\': '\\e',
  // So that what is copied out of a page are the characters that a shell knows.
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
};

function escape(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll(/[\\\-'`^~"]/g, (character) => characters[character] ?? character);
}
