import { nil, typeOf } from './structures.ts';

/** As Go prints values (fmt, %v): lists in brackets, structures in braces, maps with their keys sorted. */
export function show(value: unknown): string {
  return value === null || value === undefined ? '<no value>' : showPart(value);
}

function showPart(value: unknown): string {
  if (value === null || value === undefined || value === nil) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return JSON.stringify(value) ?? '<no value>';
  if (Array.isArray(value)) return `[${value.map(showPart).join(' ')}]`;
  if (typeOf(value) === 'structure') return `{${Object.values(value).map(showPart).join(' ')}}`;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${showPart(item)}`).join(' ')}]`;
}

/** Go's Sprintf with the verbs that make sense for JSON's values: v s d t q f g x X c and %. */
export function formatAs(format: string, values: readonly unknown[]): string {
  let next = 0;
  const text = format.replaceAll(
    /%([-+ 0#]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g,
    (_all, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%';
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const plain = formatOne(verb, values[next++], precision === undefined ? undefined : Number(precision));
      const signed = flags.includes('+') && /^\d/.test(plain) && /[dfg]/.test(verb) ? `+${plain}` : plain;
      if (flags.includes('-')) return signed.padEnd(Number(width));
      return flags.includes('0') && /[dfgxX]/.test(verb) ? signed.padStart(Number(width), '0') : signed.padStart(Number(width));
    },
  );
  return next < values.length ? `${text}%!(EXTRA ${values.slice(next).map(show).join(', ')})` : text;
}

function formatOne(verb: string, value: unknown, precision: number | undefined): string {
  const isNumber = typeof value === 'number';
  if (verb === 'v') return show(value);
  if (verb === 's' && !isNumber) return show(value).slice(0, precision);
  if (verb === 'q') return JSON.stringify(show(value));
  if (verb === 't' && typeof value === 'boolean') return String(value);
  if (verb === 'd' && isNumber) return String(Math.trunc(value));
  if (verb === 'f' && isNumber) return value.toFixed(precision ?? 6);
  if (verb === 'g' && isNumber) return String(value);
  if (verb === 'c' && isNumber) return String.fromCodePoint(value);
  if (verb.toLowerCase() === 'x') {
    const digits = isNumber ? value.toString(16) : Buffer.from(show(value)).toString('hex');
    return verb === 'X' ? digits.toUpperCase() : digits;
  }
  return `%!${verb}(${show(value)})`;
}
