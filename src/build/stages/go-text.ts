const named: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

/** A string as Go's `%q` prints it, which is how history shows exec forms. */
export function goQuote(text: string): string {
  return `"${[...text].map((character) => (character === '"' ? '\\"' : goEscape(character))).join('')}"`;
}

/** `["a" "b"]`: a list by `%q`. */
export function goQuoteList(list: readonly string[]): string {
  return `[${list.map(goQuote).join(' ')}]`;
}

/** A number by `%q`, which takes it for a character: 3 is `'\x03'`. */
export function goQuoteNumber(value: number): string {
  const character = String.fromCodePoint(value <= 0x10_ff_ff && (value < 0xd8_00 || value > 0xdf_ff) ? value : 0xff_fd);
  return `'${character === "'" ? "\\'" : goEscape(character)}'`;
}

function goEscape(character: string): string {
  const short = named[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) return character;
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return code > 0xff_ff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

/** Nanoseconds as Go's Duration prints itself: `1m30s`, `1.5s`, `500ms`, `0s`. */
export function formatGoDuration(nanoseconds: number): string {
  if (nanoseconds < 1e9) {
    if (nanoseconds === 0) return '0s';
    if (nanoseconds < 1e3) return `${nanoseconds}ns`;
    return nanoseconds < 1e6 ? `${nanoseconds / 1e3}µs` : `${nanoseconds / 1e6}ms`;
  }
  const minutes = Math.floor(nanoseconds / 60e9);
  // Whole nanoseconds, so that no binary fraction shows.
  const seconds = String((nanoseconds - minutes * 60e9) / 1e9);
  if (minutes === 0) return `${seconds}s`;
  return minutes < 60 ? `${minutes}m${seconds}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}s`;
}
