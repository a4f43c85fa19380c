import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { isErrno, OrlopError } from '#errors';
import type { ReadConfig } from './arguments.ts';
import { defaultConfigFile, engineFlags, type EngineFlag, type FlagValues } from './flags.ts';

/** Reads the file, the default one where none is named, which need not be there. failed-precondition when it cannot be read; fails as parseConfig does. */
export const readConfigFile: ReadConfig = (file) => {
  const path = file ?? defaultConfigFile;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (file === null && isErrno(cause, 'ENOENT')) return {};
    throw new OrlopError('failed-precondition', 'ORLOPD_CONFIG', `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  return parseConfig(text, path);
};

const known: readonly EngineFlag[] = engineFlags.filter((flag: EngineFlag) => flag.inFile !== 'never' && flag.isHidden !== true);

/**
 * The settings in a YAML text: names are those of orlopd's flags. Names that are none, values of another type and words that YAML takes for something else
 * fail with invalid-argument that names the file and the setting. `path` is for errors.
 */
export function parseConfig(text: string, path: string): FlagValues {
  const wrong = (what: string, cause?: unknown): OrlopError =>
    new OrlopError('invalid-argument', 'ORLOPD_CONFIG', `${path}: ${what}`, {
      hint: `the settings are orlopd's flags by their names: ${known.map(({ name }) => name).join(', ')}`,
      ...(cause === undefined ? {} : { cause }),
    });
  let document: unknown;
  try {
    // No aliases: a few lines could stand for more than memory holds.
    document = parse(text, { maxAliasCount: 0 }) as unknown;
  } catch (cause) {
    throw wrong(cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause), cause);
  }
  if (document === null || document === undefined) return {};
  if (typeof document !== 'object' || Array.isArray(document)) throw wrong('it must hold settings, each as "name: value"');
  const values = Object.entries(document).map(([name, value]) => {
    const flag = known.find((candidate) => candidate.name === name);
    if (flag === undefined) throw wrong(`there is no setting ${JSON.stringify(name)}`);
    const read = readValue(flag, value);
    if (read === null) throw wrong(`${name} must be ${wanted[flag.kind]}`);
    return [name, read] as const;
  });
  return Object.fromEntries(values);
}

const wanted = { switch: 'true or false', text: 'one value', list: 'a list of values' } as const;

/** A number is as good as its text. */
function readValue({ kind }: EngineFlag, value: unknown): string | boolean | string[] | null {
  if (kind === 'switch') return typeof value === 'boolean' ? value : null;
  if (kind === 'text') return textOf(value);
  const texts = Array.isArray(value) ? value.map(textOf) : null;
  return texts === null || texts.includes(null) ? null : (texts as string[]);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;
}
