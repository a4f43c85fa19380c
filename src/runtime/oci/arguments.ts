import { OrlopError } from '#errors';

/**
 * `text` takes a value, `texts` may be given again, `number` takes a whole number, `duration` a time such as `5s`, `flag` takes none
 * (or `=true`, `=false`).
 */
export type FlagKind = 'flag' | 'text' | 'texts' | 'number' | 'duration';

export interface FlagShape {
  readonly kind: FlagKind;
  /** One letter. */
  readonly short?: string;
  /** Another long name for the same. */
  readonly also?: string;
  readonly about: string;
  /** Shown in the help as the value when the flag is not given. */
  readonly preset?: string;
  /** Accepted, but not worth a line of help. */
  readonly hidden?: boolean;
}

export type FlagTable = Readonly<Record<string, FlagShape>>;

export interface ParsedFlags {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  number(name: string): number | undefined;
  /** Milliseconds. */
  duration(name: string): number | undefined;
}

export interface ParsedArguments {
  readonly flags: ParsedFlags;
  readonly rest: readonly string[];
}

/**
 * runc's grammar: `--name value`, `--name=value`, `-n value`; one dash before a long name is accepted as well. Flags come before arguments; with `anywhere`
 * those of the table may also follow them, up to `--`. Fails with invalid-argument `RUNTIME_USAGE` in the words of Go's flag package.
 */
export function parseFlags(argv: readonly string[], table: FlagTable, options: { readonly anywhere?: boolean } = {}): ParsedArguments {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? '';
    if (word === '--') return { flags: readFlags(values), rest: [...rest, ...argv.slice(index + 1)] };
    const isWord = !word.startsWith('-') || word === '-';
    if (isWord && options.anywhere !== true) break;
    index += 1;
    if (isWord || (rest.length > 0 && findFlag(nameOf(word), table) === undefined)) {
      rest.push(word);
      continue;
    }
    index += takeFlag(word, argv[index], table, values);
  }
  return { flags: readFlags(values), rest: [...rest, ...argv.slice(index)] };
}

/** Stores one flag and returns how many further words it took. */
function takeFlag(word: string, next: string | undefined, table: FlagTable, values: Map<string, string[]>): number {
  const given = nameOf(word);
  if (given === '' || given.startsWith('-')) throw usageError(`bad flag syntax: ${word}`);
  const found = findFlag(given, table);
  if (found === undefined) throw usageError(`flag provided but not defined: -${given}`);
  const [name, { kind }] = found;
  const attached = word.includes('=') ? word.slice(word.indexOf('=') + 1) : undefined;
  if (kind !== 'flag' && attached === undefined && next === undefined) throw usageError(`flag needs an argument: -${given}`);
  const value = attached ?? (kind === 'flag' ? 'true' : (next ?? ''));
  checkValue(given, kind, value);
  values.set(name, [...(values.get(name) ?? []), value]);
  return kind === 'flag' || attached !== undefined ? 0 : 1;
}

export function usageError(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_USAGE', message);
}

function nameOf(word: string): string {
  const bare = word.replace(/^--?/, '');
  return bare.includes('=') ? bare.slice(0, bare.indexOf('=')) : bare;
}

function findFlag(given: string, table: FlagTable): readonly [string, FlagShape] | undefined {
  if (Object.hasOwn(table, given)) return [given, table[given] as FlagShape];
  return Object.entries(table).find(([, shape]) => shape.also === given || shape.short === given);
}

const yes = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const no = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function checkValue(given: string, kind: FlagKind, value: string): void {
  const quoted = JSON.stringify(value);
  if (kind === 'flag' && !yes.has(value) && !no.has(value)) throw usageError(`invalid boolean value ${quoted} for -${given}: parse error`);
  const malformed = (kind === 'number' && !/^[-+]?\d+$/.test(value)) || (kind === 'duration' && parseDuration(value) === null);
  if (malformed) throw usageError(`invalid value ${quoted} for flag -${given}: parse error`);
}

const unitsMs = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Go's durations, `1h2m0.5s`, in milliseconds; null for what is none. */
function parseDuration(text: string): number | null {
  if (/^[-+]?0$/.test(text)) return 0;
  if (!/^[-+]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)];
  const sum = parts.reduce((total, [, digits, unit]) => total + Number(digits) * unitsMs[unit as keyof typeof unitsMs], 0);
  return text.startsWith('-') ? -sum : sum;
}

function readFlags(values: ReadonlyMap<string, readonly string[]>): ParsedFlags {
  const last = (name: string): string | undefined => values.get(name)?.at(-1);
  return {
    flag: (name) => yes.has(last(name) ?? ''),
    text: last,
    texts: (name) => values.get(name) ?? [],
    number: (name) => (last(name) === undefined ? undefined : Number(last(name))),
    duration: (name) => parseDuration(last(name) ?? '') ?? undefined,
  };
}
