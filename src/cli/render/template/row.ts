/** Marks what is a row of a listing. */
const rowMark = Symbol('row');

const labelsMark = Symbol('labels');

/** One thing of a listing, by the names of its fields; few are no text (a number, a list). */
export type Row = Readonly<Record<string, unknown>>;

/** A row whose template can ask for one label: `{{.Label "name"}}`. */
export function withLabels<R extends Row>(row: R, labels: Readonly<Record<string, string>> | null): R {
  return { ...row, [labelsMark]: labels ?? {} };
}

/** A row as templates get it: `{{json .}}` prints it as Docker's command line does. */
export function asRow(row: Row): object {
  const labels = (row as { readonly [labelsMark]?: Readonly<Record<string, string>> })[labelsMark];
  const made = { ...row, [rowMark]: true };
  if (labels === undefined) return made;
  return Object.defineProperty(made, 'Label', { value: (name: string) => (Object.hasOwn(labels, name) ? labels[name] : '') });
}

export function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && rowMark in value;
}

/** Fields in the order of their names, and signs that mean something in HTML escaped, as Go prints maps (encoding/json, Marshal). */
export function formatRow(row: Row): string {
  const sorted = Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replaceAll(
    /[<>&\u2028\u2029]/g,
    (sign) => String.raw`\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
