import type { ProgressOutput } from './progress.ts';

/** Lines at the end of what a terminal shows, which change in place: several parts of them, one below the other. */
export interface LiveRegion {
  /** Another part, below those that there are. */
  open(): LiveBlock;
  /** Text that stays, above the region. */
  print(text: string): void;
}

export interface LiveBlock {
  /** Draws the part anew; no line may be as wide as the terminal. */
  show(lines: readonly string[]): void;
  /** The part goes, and these lines stay in its place. */
  close(lines: readonly string[]): void;
}

/** The region that an output shares among all that draw on it, or one of the caller's own. */
export function regionOf(out: ProgressOutput): LiveRegion {
  return out.region ?? createLiveRegion(out);
}

export function createLiveRegion(out: ProgressOutput): LiveRegion {
  const blocks: { lines: readonly string[] }[] = [];
  let drawn = 0;
  const redraw = (above: string): void => {
    const room = Math.max(4, (out.rows ?? 24) - 2);
    const live = blocks.filter(({ lines }) => lines.length > 0);
    const share = Math.max(1, Math.floor(room / Math.max(1, live.length)));
    const lines = live.flatMap((block) => fit(block.lines, share)).slice(-room);
    const erase = drawn === 0 ? '' : `\r\u001B[${drawn}A\u001B[J`;
    out.write(`${erase}${above}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  return {
    open() {
      const block: { lines: readonly string[] } = { lines: [] };
      blocks.push(block);
      return {
        show(lines) {
          block.lines = lines;
          redraw('');
        },
        close(lines) {
          const at = blocks.indexOf(block);
          if (at < 0) return;
          blocks.splice(at, 1);
          if (block.lines.length > 0 || lines.length > 0) redraw(lines.map((line) => `${line}\n`).join(''));
        },
      };
    },
    print: redraw,
  };
}

/** So many lines as there is room for: the first, which says what it is, and the last, where something happens. */
function fit(lines: readonly string[], room: number): readonly string[] {
  if (lines.length <= room) return lines;
  return [lines[0] ?? '', ...lines.slice(lines.length - room + 1)].slice(0, room);
}
