/** White space as Go's unicode.IsSpace knows it, which BuildKit trims and splits by: not quite JavaScript's `\s`. */
const spaces = new Set(
  '\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

export function isSpace(character: string): boolean {
  return spaces.has(character);
}

export function trimStart(text: string): string {
  let first = 0;
  while (first < text.length && isSpace(text.charAt(first))) first++;
  return text.slice(first);
}

export function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return trimStart(text.slice(0, end));
}

/** Pieces between runs of blanks. A newline is none of them: it can only be inside a quoted word. */
export function splitBlanks(text: string): string[] {
  return text.split(/[\t\v\f\r ]+/);
}

/** Cut at the first run of blanks; `rest` is undefined without one. */
export function cutBlanks(text: string): { readonly first: string; readonly rest?: string } {
  const run = /[\t\v\f\r ]+/.exec(text);
  return run === null ? { first: text } : { first: text.slice(0, run.index), rest: text.slice(run.index + run[0].length) };
}
