import { rejectField } from './refuse.ts';

export interface BitListRules {
  /** JSON path of the text. */
  readonly at: string;
  /** What the numbers stand for, in the plural: `processors`. */
  readonly what: string;
  /** How many there may be. */
  readonly most: number;
}

/** cpuset(7), "List format": `0-3,7`, as a bit set of whole 64-bit words. Refuses everything else, by its path. */
export function parseBitList(text: string, { at, what, most }: BitListRules): Uint8Array {
  const mask = new Uint8Array(Math.ceil(most / 64) * 8);
  let highest = 0;
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from > to || to >= most)
      throw rejectField(at, `${JSON.stringify(text)} is no list of ${what}`, 'write it as 0-3,7');
    for (let bit = from; bit <= to; bit += 1) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (1 << (bit & 7));
    highest = Math.max(highest, to);
  }
  return mask.slice(0, (Math.floor(highest / 64) + 1) * 8);
}
