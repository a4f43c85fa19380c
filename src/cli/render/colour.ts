import type { Output } from '../output.ts';

type Colour = 'red' | 'green' | 'yellow' | 'bold' | 'inverse';

const codes: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  bold: [1, 22],
  inverse: [7, 27],
};

export type Paint = (colour: Colour, text: string) => string;

/** Colours are for people at a terminal who have not asked for none (no-color.org). */
export function painterFor(out: Pick<Output, 'isTTY'>, env: Readonly<Record<string, string | undefined>>): Paint {
  const plain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb' || !out.isTTY;
  return plain ? (_colour, text) => text : paint;
}

/** ECMA-48, Select Graphic Rendition. */
function paint(colour: Colour, text: string): string {
  const [on, off] = codes[colour];
  return `\u001B[${on}m${text}\u001B[${off}m`;
}
