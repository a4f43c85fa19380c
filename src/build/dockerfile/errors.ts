import { OrlopError, type OrlopErrorOptions } from '#errors';
import type { Lines } from './model.ts';

/** A mistake in an instruction; `locate` says later where. */
export function mistake(message: string, hint?: string): OrlopError {
  return new OrlopError('invalid-argument', 'BUILD_BAD_DOCKERFILE', message, hint === undefined ? {} : { hint });
}

/**
 * Gives an error of one instruction its place: `details` get `lines` and `excerpt`, the message gets `prefix`. An error that has a place
 * keeps it.
 */
function locate(error: unknown, text: string, lines: Lines, prefix = ''): unknown {
  if (!(error instanceof OrlopError) || error.details?.['lines'] !== undefined) return error;
  const details = { ...error.details, lines, excerpt: formatExcerpt(text, [lines]) };
  const options: OrlopErrorOptions = { details, cause: error.cause, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return new OrlopError(error.kind, error.code, `${prefix}${error.message}`, options);
}

/** Calls `action`; what it throws is about these lines, which may depend on how far it came. */
export function locating<T>(text: string, lines: Lines | (() => Lines), action: () => T, prefix = ''): T {
  try {
    return action();
  } catch (error) {
    throw locate(error, text, typeof lines === 'function' ? lines() : lines, prefix);
  }
}

/** Lines of context before and after. */
const around = 2;
/** So that an excerpt stays one: longer stretches lose their middle, longer lines their end. */
const longestStretch = 20;
const longestLine = 300;

/**
 * The lines in question with what is around them, marked by `>>>` as docker does:
 *
 * ```
 *    1 |     FROM alpine
 *    2 | >>> RUNN true
 * ```
 *
 * Each line ends with a newline. Nothing when no line is inside the text.
 */
export function formatExcerpt(text: string, places: readonly Lines[]): string {
  const first = Math.max(1, Math.min(...places.map((place) => place.first)) - around);
  const wanted = Math.min(Math.max(...places.map((place) => place.last)) + around, first + longestStretch + 1);
  const source = readLines(text, first, wanted);
  const last = first + source.length - 1;
  const rows: string[] = [];
  for (let line = first; line <= last; line++) {
    if (line === first + longestStretch && last > line) {
      rows.push('     |     …');
      break;
    }
    const mark = places.some((place) => place.first <= line && line <= place.last) ? '>>>' : '   ';
    const shown = source[line - first] ?? '';
    rows.push(`${String(line).padStart(4)} | ${mark} ${shown.length > longestLine ? `${shown.slice(0, longestLine)}…` : shown}`.trimEnd());
  }
  return rows.map((row) => `${row}\n`).join('');
}

/** Lines `first` to `last` as far as there are such, without looking further. */
function readLines(text: string, first: number, last: number): string[] {
  const lines: string[] = [];
  let start = 0;
  for (let line = 1; line <= last && start <= text.length; line++) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (line >= first) lines.push(text.slice(start, end).replace(/\r$/, ''));
    start = end + 1;
  }
  return lines;
}
