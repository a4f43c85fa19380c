import { mistake } from './errors.ts';

/**
 * The fields of one line of comma-separated values, as Go's encoding/csv reads them: a field that begins with `"` goes on to the closing
 * one and has `""` for a quote; elsewhere a quote is a mistake. Fails with invalid-argument.
 */
export function splitCommas(text: string): string[] {
  const fields: string[] = [];
  for (let at = 0; ; ) {
    const quoted = text.charAt(at) === '"';
    const end = quoted ? findQuoteEnd(text, at) : findFieldEnd(text, at);
    const field = text.slice(at, end);
    if (!quoted && field.includes('"')) throw badFields(text, 'bare " in non-quoted field');
    fields.push(quoted ? field.slice(1, -1).replaceAll('""', '"') : field);
    if (end >= text.length) return fields;
    if (text.charAt(end) !== ',') throw badFields(text, 'extraneous or missing " in quoted field');
    at = end + 1;
  }
}

function findFieldEnd(text: string, start: number): number {
  const comma = text.indexOf(',', start);
  return comma < 0 ? text.length : comma;
}

/** Just past the closing quote of the field that begins at `start`. */
function findQuoteEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text.charAt(at) !== '"') continue;
    if (text.charAt(at + 1) !== '"') return at + 1;
    at++;
  }
  throw badFields(text, 'extraneous or missing " in quoted field');
}

function badFields(text: string, reason: string): Error {
  return mistake(`failed to parse csv mounts: ${JSON.stringify(text)}: ${reason}`);
}
