import { OrlopError } from '#errors';

/** `text` takes a value, `texts` may be given again, `number` takes a whole number, `flag` takes none (or `=true`, `=false`). */
export type FlagKind = 'flag' | 'text' | 'texts' | 'number';

export interface FlagShape {
  readonly kind: FlagKind;
  /** One letter. */
  readonly short?: string;
  /** Another long name for the same. */
  readonly also?: string;
  readonly about: string;
}

export type FlagTable = Readonly<Record<string, FlagShape>>;

export interface ParsedFlags {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  number(name: string): number | undefined;
}

export interface ParsedArguments {
  readonly flags: ParsedFlags;
  /** What follows the flags: the first word that is none, or everything after `--`. */
  readonly rest: readonly string[];
}

/**
 * runc's grammar: flags come before arguments, `--name value`, `--name=value`, `-n value`; one dash before a long name is accepted as well.
 * Fails with invalid-argument `RUNTIME_USAGE`, naming the flag.
 */
export function parseFlags(argv: readonly string[], table: FlagTable): ParsedArguments {
  const values = new Map<string, string[]>();
  let index = 0;
  while (index < argv.length) {
    const word = argv[index] ?? '';
    if (word === '--') {
      index += 1;
      break;
    }
    if (!word.startsWith('-') || word === '-') break;
    index += 1;
    const equals = word.indexOf('=');
    const given = equals < 0 ? word : word.slice(0, equals);
    const [name, shape] = findFlag(given, table);
    const attached = equals < 0 ? undefined : word.slice(equals + 1);
    let value = attached;
    if (shape.kind === 'flag') value = checkBoolean(given, attached ?? 'true');
    else if (value === undefined) {
      value = argv[index];
      index += 1;
      if (value === undefined) throw usageError(`flag needs an argument: ${given}`);
    }
    if (shape.kind === 'number' && !/^-?\d+$/.test(value ?? ''))
      throw usageError(`invalid value ${JSON.stringify(value)} for flag ${given}: not a whole number`);
    values.set(name, [...(values.get(name) ?? []), value ?? '']);
  }
  return { flags: readFlags(values), rest: argv.slice(index) };
}

export function usageError(message: string): OrlopError {
  return new OrlopError('invalid-argument', 'RUNTIME_USAGE', message, { hint: 'see orlop-runtime help' });
}

function findFlag(given: string, table: FlagTable): readonly [string, FlagShape] {
  const bare = given.replace(/^--?/, '');
  const found = Object.entries(table).find(
    ([name, shape]) => name === bare || shape.also === bare || (shape.short === bare && !given.startsWith('--')),
  );
  if (found !== undefined) return found;
  throw usageError(`flag provided but not defined: ${given}`);
}

function checkBoolean(given: string, value: string): string {
  if (['true', '1', 't'].includes(value)) return 'true';
  if (['false', '0', 'f'].includes(value)) return 'false';
  throw usageError(`invalid boolean value ${JSON.stringify(value)} for ${given}`);
}

function readFlags(values: ReadonlyMap<string, readonly string[]>): ParsedFlags {
  const last = (name: string): string | undefined => values.get(name)?.at(-1);
  return {
    flag: (name) => last(name) === 'true',
    text: last,
    texts: (name) => values.get(name) ?? [],
    number: (name) => (last(name) === undefined ? undefined : Number(last(name))),
  };
}
