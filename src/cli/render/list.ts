import { isOrlopError, OrlopError } from '#errors';
import { formatTable } from './table.ts';
import { parseTemplate, type Template } from './template.ts';
import { asRow, formatRow, type Row } from './template/row.ts';

export interface ListOptions {
  /** `--format`: undefined or `table`, `table TEMPLATE`, `json`, `raw` where there is such a form, or a template. */
  readonly format: string | undefined;
  /** What `raw` prints of each row, a line each: its label there, and the field. */
  readonly raw?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
}

/** Rows of a listing in the format asked for. Each row has every field; those of columns as text. */
export function formatList(rows: readonly Row[], { format, columns, headers, raw }: ListOptions): string {
  if (format === 'json') return rows.map((row) => `${formatRow(row)}\n`).join('');
  if (format === 'raw' && raw !== undefined) return rows.map((row) => `${formatRaw(row, raw)}\n`).join('');
  if (format !== undefined && format !== 'table' && !format.startsWith('table ')) {
    const template = parseListTemplate(format);
    return rows.map((row) => `${template.render(asRow(row))}\n`).join('');
  }
  if (format === undefined || format === 'table') {
    return formatTable([
      columns.map((name) => headers[name] ?? name.toUpperCase()),
      ...rows.map((row) => columns.map((name) => cellOf(row[name]))),
    ]);
  }
  const template = parseListTemplate(format.slice('table '.length));
  const titles = Object.fromEntries(
    template.fields.map((name) => [name, name === 'Label' ? (label: string) => label : (headers[name] ?? name.toUpperCase())]),
  );
  return formatTable([template.renderTitles(titles), ...rows.map((row) => template.render(asRow(row)))].map((line) => line.split('\t')));
}

function formatRaw(row: Row, raw: NonNullable<ListOptions['raw']>): string {
  return Object.entries(raw)
    .map(([label, field]) => `${`${label}: ${cellOf(row[field])}`.trimEnd()}\n`)
    .join('');
}

function cellOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

/** As Docker has it, a list whose format is no template fails with another code than what is not a list. */
function parseListTemplate(text: string): Template {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (!isOrlopError(error)) throw error;
    throw new OrlopError(error.kind, 'CLI_TEMPLATE', error.message, error.hint === undefined ? {} : { hint: error.hint });
  }
}
