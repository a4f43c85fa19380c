/** What was measured of one way to do one thing: one number a round, in the case's unit. */
export interface Series {
  readonly who: string;
  readonly values: readonly number[];
}

export interface Row {
  readonly work: string;
  readonly unit: string;
  /** The budget as it is written down, for reading beside the figure; nothing is asserted. */
  readonly budget: string;
  /** Ours first. */
  readonly series: readonly Series[];
}

/** The value below which this share (0 to 1) of the values lies, by nearest rank. Of no values: NaN. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.min(Math.max(rank, 0), sorted.length - 1)] ?? Number.NaN;
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

/** Lines of a plain table: work, who, median, p95, ratio of the peer's median to ours. */
export function formatRows(rows: readonly Row[]): string {
  const cells = [['work', 'who', 'median', 'p95', 'unit', 'peer/ours', 'budget']];
  for (const { work, unit, budget, series } of rows) {
    const ours = quantile(series[0]?.values ?? [], 0.5);
    for (const [index, { who, values }] of series.entries()) {
      const median = quantile(values, 0.5);
      const spread = values.length > 1 ? number(quantile(values, 0.95)) : '';
      const ratio = index === 0 ? '' : `${(median / ours).toFixed(2)}x`;
      cells.push([index === 0 ? work : '', who, number(median), spread, unit, ratio, index === 0 ? budget : '']);
    }
  }
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The medians as a table in Markdown: what was done, ours, and the others' with how many times ours that is. */
export function formatMarkdown(rows: readonly Row[]): string {
  const lines = rows.map(({ work, unit, series: [ours, ...others] }) => {
    const own = quantile(ours?.values ?? [], 0.5);
    const beside = others.map(({ who, values }) => {
      const median = quantile(values, 0.5);
      return `${who} ${number(median)} (${(median / own).toFixed(1)}×)`;
    });
    return `| ${work} | **${number(own)} ${unit}** | ${beside.join(', ')} |`;
  });
  return ['| | Orlop | others |', '|---|---|---|', ...lines].join('\n');
}
