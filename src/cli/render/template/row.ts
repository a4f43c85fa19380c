/** Marks what is a row of a listing. */
const rowMark = Symbol('row');

/** A row as templates get it: `{{json .}}` prints it as Docker's command line does. */
export function asRow(row: Readonly<Record<string, string>>): object {
  return { ...row, [rowMark]: true };
}

export function isRow(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && rowMark in value;
}

/** Fields in the order of their names, and signs that mean something in HTML escaped, as Go prints maps (encoding/json, Marshal). */
export function formatRow(row: Readonly<Record<string, string | null>>): string {
  const sorted = Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(sorted).replaceAll(
    /[<>&\u2028\u2029]/g,
    (sign) => String.raw`\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
