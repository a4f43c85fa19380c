import { usageError } from '../arguments/usage-error.ts';

/** One line of RFC 4180: commas separate, quotes hold them together, two quotes are one. */
export function splitFields(text: string): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more; ) {
    const match = pattern.exec(text);
    if (match === null) throw usageError(`parse error: bare or extraneous " in field ${JSON.stringify(text)}`);
    const [, quoted, plain = '', end] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    more = end === ',';
  }
  return fields;
}
