import { substitute, type Lookup, type Substitution } from './variables.ts';

/**
 * Variables of a `.env` file: `KEY=VALUE` or `KEY: VALUE`, `export` before it, quotes over several lines, comments; values without quotes or in double
 * ones are interpolated, by `lookup` first; `onMissing` hears of variables that neither has. A key alone takes its value from there. Throws an Error that names the line. Pure.
 */
export function parseDotenv(text: string, { lookup, onMissing }: Substitution): Map<string, string> {
  const variables = new Map<string, string>();
  const source = text.replace(/^\uFEFF/, '');
  const find: Lookup = (name) => lookup(name) ?? variables.get(name);
  let at = 0;
  const fail = (why: string): Error => new Error(`line ${source.slice(0, at).split('\n').length}: ${why}`);
  for (;;) {
    at += /^(?:\s|#[^\n]*)*/.exec(source.slice(at))?.[0].length ?? 0;
    if (at >= source.length) return variables;
    const statement = /^(?:export[ \t]+)?([^\s=:#'"]+)[ \t]*(?:([=:])[ \t]*|(?=\r?\n|$))/.exec(source.slice(at));
    if (statement === null || !/^[\p{L}\p{N}_.[\]-]+$/u.test(statement[1] ?? '')) throw fail('unexpected character in a variable name');
    const name = statement[1] ?? '';
    at += statement[0].length;
    if (statement[2] === undefined) {
      const inherited = lookup(name);
      if (inherited !== undefined) variables.set(name, inherited);
      continue;
    }
    const value = readValue(source.slice(at));
    if (value === null) throw fail('a quote does not end');
    at += value.length;
    variables.set(
      name,
      value.expand ? expand(value.text, { lookup: find, ...(onMissing === undefined ? {} : { onMissing }) }, fail) : value.text,
    );
  }
}

function expand(text: string, substitution: Substitution, fail: (why: string) => Error): string {
  try {
    return substitute(text, substitution);
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error));
  }
}

interface RawValue {
  readonly text: string;
  readonly length: number;
  readonly expand: boolean;
}

function readValue(source: string): RawValue | null {
  const single = /^'((?:[^'\\]|\\[\s\S])*)'/.exec(source);
  if (single !== null) return { text: (single[1] ?? '').replaceAll("\\'", "'"), length: single[0].length, expand: false };
  const double = /^"((?:[^"\\]|\\[\s\S])*)"/.exec(source);
  if (double !== null) return { text: unescape(double[1] ?? ''), length: double[0].length, expand: true };
  if (/^["']/.test(source)) return null;
  const line = /^[^\n]*/.exec(source)?.[0] ?? '';
  return { text: line.replace(/[ \t]#.*$/, '').trim(), length: line.length, expand: true };
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  '"': '"',
  '\\': '\\',
  $: '$$',
};

function unescape(text: string): string {
  return text.replaceAll(/\\(0[0-7]{0,3}|[\s\S])/g, (whole, letter: string) =>
    letter.startsWith('0') ? String.fromCodePoint(Number.parseInt(letter, 8) % 256) : (escapes[letter] ?? whole),
  );
}

/** Variables of a file that Docker's `--env-file` reads: a line each, nothing interpreted. Throws an Error that names the line. Pure. */
export function parseRawEnvironment(text: string, lookup: Lookup): Map<string, string> {
  const all = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart());
  const isVariable = (line: string): boolean => line !== '' && !line.startsWith('#');
  for (const [index, line] of all.entries()) {
    const [name = ''] = line.split('=');
    if (isVariable(line) && name === '') throw new Error(`line ${index + 1}: no variable name on line '${line}'`);
    if (isVariable(line) && /\s/.test(name)) throw new Error(`line ${index + 1}: variable '${name}' contains whitespaces`);
  }
  const lines = all.filter(isVariable);
  return new Map(
    lines.flatMap((line) => {
      const equals = line.indexOf('=');
      const inherited = equals < 0 ? lookup(line) : undefined;
      return equals < 0
        ? inherited === undefined
          ? []
          : [[line, inherited] as const]
        : [[line.slice(0, equals), line.slice(equals + 1)] as const];
    }),
  );
}
