/** How a character is drawn: colours are of the 16 of a terminal (ECMA-48 8.3.117 and what terminals made of it), null the usual one. */
export interface Style {
  readonly colour: number | null;
  readonly bold: boolean;
  readonly dim: boolean;
}

/** Characters of one style that stand side by side. */
export interface Run {
  readonly text: string;
  readonly style: Style;
}

interface Cell {
  readonly character: string;
  readonly style: Style;
}

export interface Screen {
  write(text: string): void;
  /** The lines down to the last that has something, each without what is blank at its end. */
  lines(): readonly (readonly Run[])[];
}

const plain: Style = { colour: null, bold: false, dim: false };
const blank: Cell = { character: ' ', style: plain };

/** One sequence of control characters, or one character. Kinds: CSI, OSC, other escapes, the rest. */
const pieces = /\u001B\[([?\d;]*)([@-~])|\u001B\][^\u0007]*\u0007|\u001B[ -/]*[0-~]|[\s\S]/gu;

/** A terminal's screen: as much of one as programs use that write lines and draw progress over them. */
export function createScreen({ rows, columns }: { readonly rows: number; readonly columns: number }): Screen {
  let grid: Cell[][] = Array.from({ length: rows }, () => []);
  let [row, column] = [0, 0];
  let style = plain;
  const lineFeed = (): void => {
    if (row < rows - 1) row += 1;
    else grid = [...grid.slice(1), []];
  };
  const put = (character: string): void => {
    if (column === columns) {
      column = 0;
      lineFeed();
    }
    const line = grid[row] ?? [];
    while (line.length < column) line.push(blank);
    line[column] = { character, style };
    column += 1;
  };
  const eraseLine = (how: number): void => {
    const line = grid[row] ?? [];
    if (how === 0) line.length = Math.min(line.length, column);
    else grid[row] = how === 2 ? [] : line.map((cell, at) => (at <= column ? blank : cell));
  };
  const controls: Readonly<Record<string, (first: number, all: readonly number[]) => void>> = {
    A: (count) => void (row = Math.max(0, row - (count || 1))),
    B: (count) => void (row = Math.min(rows - 1, row + (count || 1))),
    C: (count) => void (column = Math.min(columns - 1, column + (count || 1))),
    D: (count) => void (column = Math.max(0, column - (count || 1))),
    G: (at) => void (column = Math.max(0, (at || 1) - 1)),
    H: (line, [, at = 1]) => void ([row, column] = [Math.min(rows, line || 1) - 1, Math.min(columns, at || 1) - 1]),
    J: (how) => {
      eraseLine(how);
      for (let at = how === 2 ? 0 : row + 1; at < rows; at++) grid[at] = [];
    },
    K: eraseLine,
    m: (_first, all) => void (style = styled(style, all)),
  };
  const write = (text: string): void => {
    for (const [piece, parameters, final] of text.matchAll(pieces)) {
      if (final !== undefined) {
        const numbers = (parameters ?? '').split(';').map(Number);
        if (parameters?.startsWith('?') !== true) controls[final]?.(numbers[0] ?? 0, numbers);
      } else if (piece === '\r') column = 0;
      else if (piece === '\n') lineFeed();
      else if (piece === '\b') column = Math.max(0, column - 1);
      else if (piece === '\t') column = Math.min(columns - 1, (Math.floor(column / 8) + 1) * 8);
      else if (piece >= ' ') put(piece);
    }
  };
  return { write, lines: () => linesOf(grid) };
}

/** The style after these parameters of SGR. */
function styled(style: Style, parameters: readonly number[]): Style {
  let now = style;
  for (const code of parameters) {
    if (code === 0) now = plain;
    else if (code === 1) now = { ...now, bold: true };
    else if (code === 2) now = { ...now, dim: true };
    else if (code === 22) now = { ...now, bold: false, dim: false };
    else if (code === 39) now = { ...now, colour: null };
    else if (code >= 30 && code <= 37) now = { ...now, colour: code - 30 };
    else if (code >= 90 && code <= 97) now = { ...now, colour: code - 82 };
  }
  return now;
}

function linesOf(grid: readonly (readonly Cell[])[]): Run[][] {
  const lines = grid.map((cells): Run[] => {
    const runs: { text: string; style: Style }[] = [];
    for (const { character, style } of cells) {
      const last = runs.at(-1);
      if (last !== undefined && isSame(last.style, style)) last.text += character;
      else runs.push({ text: character, style });
    }
    const last = runs.at(-1);
    if (last !== undefined) last.text = last.text.trimEnd();
    return runs.filter(({ text }) => text !== '');
  });
  return lines.slice(0, lines.findLastIndex((runs) => runs.length > 0) + 1);
}

function isSame(one: Style, other: Style): boolean {
  return one.colour === other.colour && one.bold === other.bold && one.dim === other.dim;
}
