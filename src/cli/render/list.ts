import { formatTable } from './table.ts';
import { parseTemplate } from './template.ts';

export interface ListOptions {
  /** `--format`: undefined or `table`, `table TEMPLATE`, `json`, or a template. */
  readonly format: string | undefined;
  readonly columns: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** Rows of a listing in the format asked for. Each row has every field as text. */
export function formatList(rows: readonly Readonly<Record<string, string>>[], { format, columns, headers }: ListOptions): string {
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format !== undefined && format !== 'table' && !format.startsWith('table ')) {
    const template = parseTemplate(format);
    return rows.map((row) => `${template.render(row)}\n`).join('');
  }
  if (format === undefined || format === 'table') {
    return formatTable([
      columns.map((name) => headers[name] ?? name.toUpperCase()),
      ...rows.map((row) => columns.map((name) => row[name] ?? '')),
    ]);
  }
  const template = parseTemplate(format.slice('table '.length));
  const titles = Object.fromEntries(template.fields.map((name) => [name, headers[name] ?? name.toUpperCase()]));
  return formatTable([template.renderTitles(titles), ...rows.map((row) => template.render(row))].map((line) => line.split('\t')));
}
