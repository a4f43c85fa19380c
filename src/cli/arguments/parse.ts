import type { CommandSpec, FlagSpec } from './spec.ts';
import { nearestWord } from './nearest.ts';
import { refusedFlag, usageError, wrongWords } from './usage-error.ts';

/** What was typed, checked against the command's table. */
export interface Arguments {
  readonly positionals: readonly string[];
  /** False when it was not given. */
  flag(name: string): boolean;
  /** undefined when it was not given. */
  text(name: string): string | undefined;
  integer(name: string): number | undefined;
  list(name: string): readonly string[];
  has(name: string): boolean;
}

const helpFlag: FlagSpec = { name: 'help', kind: 'flag', help: 'Print usage' };

interface Words {
  readonly list: readonly string[];
  at: number;
}

/**
 * Parses words by the grammar of Docker's command line (pflag): `--name=x`, `--name x`, `-n x`, `-nx`, `-n=x`, clusters such as `-it`, `--` ends the
 * flags, true and false only behind `=`. Errors are usage errors.
 */
export function parseArguments(command: CommandSpec, words: readonly string[]): Arguments {
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const cursor: Words = { list: words, at: 0 };
  while (cursor.at < words.length) {
    const word = words[cursor.at++] ?? '';
    if (word === '--') {
      positionals.push(...words.slice(cursor.at));
      break;
    }
    if (word.startsWith('--')) parseLong(command, word, cursor, values);
    else if (word.startsWith('-') && word.length > 1) parseShorts(command, word, cursor, values);
    else if (command.stopsAtPositional === true) {
      positionals.push(word, ...words.slice(cursor.at));
      break;
    } else positionals.push(word);
  }
  const last = (name: string): string | undefined => values.get(name)?.at(-1);
  return {
    positionals,
    flag: (name) => last(name) === 'true',
    text: last,
    integer: (name) => (last(name) === undefined ? undefined : Number(last(name))),
    list: (name) => values.get(name) ?? [],
    has: (name) => values.has(name),
  };
}

/** Fails unless the number of positionals fits; not asked when help was. */
export function checkPositionals(command: CommandSpec, { positionals }: Arguments): void {
  const { min, max } = command.positionals;
  const count = positionals.length;
  if (count >= min && count <= max) return;
  const plural = (number: number): string => `${number} argument${number === 1 ? '' : 's'}`;
  if (min === max)
    throw wrongWords(
      min === 0 ? `"orlop ${command.name}" accepts no arguments` : `"orlop ${command.name}" requires ${plural(min)}`,
      command,
    );
  throw wrongWords(`"orlop ${command.name}" requires at ${count < min ? 'least' : 'most'} ${plural(count < min ? min : max)}`, command);
}

function parseLong(command: CommandSpec, word: string, words: Words, values: Map<string, string[]>): void {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const flag = findFlag(command, (candidate) => candidate.name === name);
  if (flag === undefined) throw usageError(`unknown flag: --${name}${suggestFlag(command, name)}`, command);
  const given = equals < 0 ? undefined : word.slice(equals + 1);
  if (flag.kind === 'flag') return store(command, flag, `--${name}`, given ?? 'true', values);
  store(command, flag, `--${name}`, given ?? nextWord(command, words, `flag needs an argument: --${name}`), values);
}

function parseShorts(command: CommandSpec, word: string, words: Words, values: Map<string, string[]>): void {
  let rest = word.slice(1);
  while (rest !== '') {
    const letter = rest.charAt(0);
    const flag = findFlag(command, (candidate) => candidate.short === letter) ?? (letter === 'h' ? helpFlag : undefined);
    if (flag === undefined) throw usageError(`unknown shorthand flag: '${letter}' in ${word}`, command);
    const label = `-${letter}, --${flag.name}`;
    rest = rest.slice(1);
    if (rest.startsWith('=')) return store(command, flag, label, rest.slice(1), values);
    if (flag.kind === 'flag') {
      store(command, flag, label, 'true', values);
      continue;
    }
    return store(
      command,
      flag,
      label,
      rest === '' ? nextWord(command, words, `flag needs an argument: '${letter}' in ${word}`) : rest,
      values,
    );
  }
}

function suggestFlag({ flags }: CommandSpec, name: string): string {
  const known = flags.filter(({ refused, aliasOf }) => refused === undefined && aliasOf === undefined).map((flag) => flag.name);
  const meant = nearestWord(name, [...known, helpFlag.name]);
  return meant === undefined ? '' : `; did you mean "--${meant}"?`;
}

function findFlag(command: CommandSpec, fits: (flag: FlagSpec) => boolean): FlagSpec | undefined {
  return command.flags.find(fits) ?? [helpFlag].find(fits);
}

function nextWord(command: CommandSpec, words: Words, problem: string): string {
  const word = words.list[words.at++];
  if (word === undefined) throw usageError(problem, command);
  return word;
}

function store(command: CommandSpec, flag: FlagSpec, label: string, value: string, values: Map<string, string[]>): void {
  if (flag.refused !== undefined) throw refusedFlag(command, flag.name, flag.refused);
  const name = flag.aliasOf ?? flag.name;
  // As with Docker's command line, an empty format is none.
  if (name === 'format' && value === '') return void values.delete(name);
  const held = values.get(name);
  const checked = checkValue(command, flag, label, value);
  if (flag.kind === 'list' && held !== undefined) held.push(checked);
  else values.set(name, [checked]);
}

const truths: Readonly<Record<string, string>> = {
  true: 'true',
  t: 'true',
  '1': 'true',
  TRUE: 'true',
  True: 'true',
  T: 'true',
  false: 'false',
  f: 'false',
  '0': 'false',
  FALSE: 'false',
  False: 'false',
  F: 'false',
};

function checkValue(command: CommandSpec, flag: FlagSpec, label: string, value: string): string {
  const invalid = (wanted: string): never => {
    throw usageError(`invalid argument ${JSON.stringify(value)} for "${label}" flag: ${wanted}`, command);
  };
  if (flag.kind === 'flag') return (Object.hasOwn(truths, value) ? truths[value] : undefined) ?? invalid('it must be true or false');
  if (flag.kind === 'integer' && !/^[+-]?\d{1,15}$/.test(value)) return invalid('it must be a whole number');
  return value;
}
