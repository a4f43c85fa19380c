const gap = 3;

/** Columns as Docker's command line aligns them: three spaces behind the widest cell, and no column but the last narrower than `minimum`. */
export function formatTable(rows: readonly (readonly string[])[], minimum = 10): string {
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? minimum, widthOf(cell) + gap);
  return rows.map((row) => `${row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0))).join('')}\n`).join('');
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(width - widthOf(cell));
}

function widthOf(cell: string): number {
  return [...cell].length;
}

/** At most so many characters, the last of them an ellipsis where something is cut. */
export function truncate(text: string, length: number): string {
  const letters = [...text];
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join('')}…`;
}
