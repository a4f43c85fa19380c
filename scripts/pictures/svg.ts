import type { Run, Style } from './screen.ts';

/** The 16 colours of a terminal, on the picture's dark ground. */
const palette = [
  '#4b5263',
  '#e06c75',
  '#98c379',
  '#e5c07b',
  '#61afef',
  '#c678dd',
  '#56b6c2',
  '#d7dae0',
  '#7f848e',
  '#ff7b86',
  '#a9dc76',
  '#f0d08a',
  '#7cc4ff',
  '#d894f0',
  '#6fd3df',
  '#ffffff',
];
const [ground, usual] = ['#1e222a', '#d7dae0'];
const [characterWidth, lineHeight, margin, bar] = [8.4, 19, 16, 34];

export interface Picture {
  /** For those who do not see it. */
  readonly title: string;
  readonly columns: number;
  readonly lines: readonly (readonly Run[])[];
}

/** A terminal's screen as a picture that any browser draws, with fonts of its own. Pure. */
export function drawSvg({ title, columns, lines }: Picture): string {
  const width = Math.ceil(columns * characterWidth + 2 * margin);
  const height = bar + lines.length * lineHeight + margin;
  const dots = ['#e06c75', '#e5c07b', '#98c379'].map((fill, at) => `<circle cx="${margin + 6 + at * 18}" cy="17" r="5" fill="${fill}"/>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${ground}"/>`,
    ...dots,
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${usual}" xml:space="preserve">`,
    ...lines.flatMap((runs, row) => drawLine(runs, bar + (row + 1) * lineHeight - 5)),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Each run where it belongs, as wide as it must be, whatever the font. */
function drawLine(runs: readonly Run[], y: number): string[] {
  let column = 0;
  return runs.flatMap(({ text, style }) => {
    const start = column + text.length - text.trimStart().length;
    const shown = text.trim();
    column += text.length;
    if (shown === '') return [];
    const x = (margin + start * characterWidth).toFixed(1);
    const length = (shown.length * characterWidth).toFixed(1);
    return [`<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${attributesOf(style)}>${escape(shown)}</text>`];
  });
}

function attributesOf({ colour, bold, dim }: Style): string {
  return [
    colour === null ? '' : ` fill="${palette[colour] ?? usual}"`,
    bold ? ' font-weight="bold"' : '',
    dim ? ' opacity="0.65"' : '',
  ].join('');
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
